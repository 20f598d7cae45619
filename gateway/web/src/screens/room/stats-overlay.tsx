/**
 * The figures of each track, over the stage.
 *
 * **Invariant:** the figures are read once a second only while this is open.
 */
import { Copy, X } from "lucide-react";
import { useEffect } from "react";

import { useText, type Catalogue } from "../../app/i18n";
import { wall, type RoomSession, type TrackFigures } from "../../client";
import { Button, IconButton } from "../../ui/button";
import { notify } from "../../ui/toast";
import { useSlice } from "../../ui/use-slice";
import { copyText } from "../shared/links";

const COLUMNS = ["what", "codec", "size", "fps", "rate", "loss", "jitter", "rtt", "freezes"] as const;

export function StatsOverlay({ session, onClose }: { session: RoomSession; onClose: () => void }) {
  const text = useText();
  const figures = useSlice(session.stats.figures);
  useEffect(() => session.stats.watch(), [session]);
  const copy = (): void => void copyText(JSON.stringify(asJson(session), null, 2)).then((done) => notify(done ? text.stats.copied : text.stats.notCopied));
  return (
    <section aria-label={text.stats.title} className="float-in absolute start-2 top-1 z-20 flex max-h-[calc(100%-8px)] max-w-[calc(100%-16px)] flex-col rounded-panel border border-line bg-surface shadow-float sm:start-4">
      <div className="flex items-center gap-2 py-1.5 ps-3.5 pe-1.5">
        <h2 className="me-auto font-semibold">{text.stats.title}</h2>
        <Button size="small" tone="plain" icon={<Copy size={14} aria-hidden />} onClick={copy}>
          {text.stats.copy}
        </Button>
        <IconButton label={text.common.close} onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </div>
      <div tabIndex={0} role="group" aria-label={text.stats.title} className="overflow-auto px-3.5 pb-3">
        {figures.length === 0 ? <p className="py-2 text-muted">{text.stats.waiting}</p> : <Figures session={session} figures={figures} />}
      </div>
    </section>
  );
}

function Figures({ session, figures }: { session: RoomSession; figures: readonly TrackFigures[] }) {
  const text = useText();
  const byId = useSlice(session.roster, (roster) => roster.byId);
  return (
    <table className="text-xs whitespace-nowrap tabular-nums">
      <thead className="sticky top-0 bg-surface text-muted">
        <tr>
          {COLUMNS.map((column) => (
            <th key={column} scope="col" className={`py-1 font-medium ${column === "what" ? "pe-4 text-start" : "ps-4 text-end"}`}>
              {text.stats.columns[column]}
            </th>
          ))}
        </tr>
      </thead>
      {(["out", "in"] as const).map((direction) => {
        const rows = figures.filter((row) => row.direction === direction).sort((a, b) => a.peer.localeCompare(b.peer) || a.source.localeCompare(b.source));
        if (rows.length === 0) return null;
        return (
          <tbody key={direction} className="border-t border-line">
            <tr>
              <th scope="rowgroup" colSpan={COLUMNS.length} className="pt-1.5 text-start font-semibold">
                {direction === "out" ? text.stats.sent : text.stats.received}
              </th>
            </tr>
            {rows.map((row) => (
              <tr key={`${row.track} ${row.layer ?? ""}`}>
                <th scope="row" className="max-w-56 truncate py-0.5 pe-4 text-start font-normal">
                  {nameOf(row, direction === "out" ? text.common.you : (byId.get(row.peer)?.displayName ?? ""), text)}
                </th>
                {cellsOf(row, text).map((cell, i) => (
                  <td key={COLUMNS[i + 1]} className="ps-4 text-end">
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        );
      })}
    </table>
  );
}

function nameOf({ source, layer }: TrackFigures, name: string, { stats }: Catalogue): string {
  const what = stats.of(name, stats.source[source]);
  return layer === null ? what : stats.layerOf(what, layer);
}

function cellsOf(row: TrackFigures, { stats }: Catalogue): string[] {
  const { units, none } = stats;
  const or = <T,>(value: T | null, show: (value: T) => string): string => (value === null ? none : show(value));
  return [
    row.codec ?? none,
    row.width === null || row.height === null ? none : units.size(row.width, row.height),
    or(row.framesPerSecond, (n) => String(Math.round(n))),
    or(row.bitsPerSecond, (n) => String(Math.round(n / 1_000))),
    or(row.loss, (n) => units.percent(n * 100)),
    or(row.jitterMs, units.ms),
    or(row.rttMs, units.ms),
    or(row.freezes, String),
  ];
}

/** What is copied: enough to tell a fault by, and no names. */
function asJson(session: RoomSession) {
  return {
    at: new Date(wall()).toISOString(),
    room: session.room,
    connection: session.connection.get(),
    quality: session.stats.quality.get(),
    browser: navigator.userAgent,
    tracks: session.stats.figures.get(),
  };
}

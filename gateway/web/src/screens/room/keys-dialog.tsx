/**
 * The list of keys.
 *
 * **Invariant:** it names every key that `use-room-keys` takes.
 */
import { useText } from "../../app/i18n";
import { Dialog } from "../../ui/dialog";

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { keys } = useText();
  const { names } = keys;
  const rows: [string[], string][] = [
    [["M"], keys.microphone],
    [[names.space], keys.talk],
    [["V"], keys.camera],
    [["S"], keys.share],
    [["C"], keys.chat],
    [["P"], keys.people],
    [["F"], keys.layout],
    [["1", names.to, "9"], keys.pin],
    [[names.shift, "S"], keys.stats],
    [[names.escape], keys.close],
    [["?"], keys.list],
  ];
  return (
    <Dialog open={open} onClose={onClose} title={keys.title} lead={keys.lead}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-5 gap-y-2">
        {rows.map(([caps, what]) => (
          <div key={what} className="contents">
            <dt className="flex items-center gap-1">
              {caps.map((cap) =>
                cap === names.to ? (
                  <span key={cap} className="text-xs text-muted">
                    {cap}
                  </span>
                ) : (
                  <kbd key={cap} className="grid h-6 min-w-6 place-items-center rounded-md border border-line bg-surface px-1.5 font-sans text-xs font-medium">
                    {cap}
                  </kbd>
                ),
              )}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

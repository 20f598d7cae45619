/**
 * The own picture as in a mirror, with the two switches under it.
 *
 * **Invariant:** what the switches show is what the room will get.
 */
import { Mic, MicOff, Video, VideoOff } from "lucide-react";
import { useEffect, useRef } from "react";

import { useText } from "../../app/i18n";
import type { DeviceKind, LocalMedia } from "../../client";
import { cx } from "../../ui/cx";
import { useSlice } from "../../ui/use-slice";

export function Preview({ local }: { local: LocalMedia }) {
  const text = useText();
  const { microphone, camera } = useSlice(local.state);
  const allowed = useSlice(local.allowed);
  const labelOf = (kind: DeviceKind, action: string): string => (allowed[kind] ? action : text.room.barredControl(action, kind));
  return (
    <div data-theme="dark" className="relative aspect-[16/10] overflow-hidden rounded-[14px] bg-stage">
      {camera.track ? (
        <MirrorVideo track={camera.track} label={text.prejoin.preview} />
      ) : (
        <p className="absolute inset-0 grid place-items-center px-6 pb-12 text-center text-muted">{camera.opening ? text.prejoin.cameraOpening : text.prejoin.cameraOff}</p>
      )}
      <div className="absolute inset-x-0 bottom-3.5 flex justify-center gap-2">
        <Switch on={microphone.on} barred={!allowed.microphone} label={labelOf("microphone", microphone.on ? text.room.mute : text.room.unmute)} onClick={() => void local.setOn("microphone", !microphone.on)} icon={microphone.on ? Mic : MicOff} />
        <Switch on={camera.on} barred={!allowed.camera} label={labelOf("camera", camera.on ? text.room.cameraOff : text.room.cameraOn)} onClick={() => void local.setOn("camera", !camera.on)} icon={camera.on ? Video : VideoOff} />
      </div>
    </div>
  );
}

function Switch({ on, barred, label, onClick, icon: Icon }: { on: boolean; barred: boolean; label: string; onClick: () => void; icon: typeof Mic }) {
  return (
    <button
      type="button"
      aria-label={label}
      aria-disabled={barred || undefined}
      onClick={onClick}
      className={cx("calm grid size-11 place-items-center rounded-[13px] aria-disabled:opacity-60 text-[oklch(0.98_0_0)]", on ? "bg-[oklch(0.2_0.02_250/0.8)] hover:bg-[oklch(0.3_0.02_250/0.9)]" : "bg-danger hover:brightness-110")}
    >
      <Icon size={20} aria-hidden />
    </button>
  );
}

export function MirrorVideo({ track, label, className }: { track: MediaStreamTrack; label: string; className?: string }) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (ref.current) ref.current.srcObject = new MediaStream([track]);
  }, [track]);
  return <video ref={ref} aria-label={label} autoPlay playsInline muted className={cx("absolute inset-0 size-full -scale-x-100 object-cover", className)} />;
}

/**
 * A received picture, and the last frame of one that stopped.
 *
 * **Invariant:** a frozen frame is a copy, never another person's picture: slots may carry somebody else by then.
 */
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

interface PictureProps {
  track: MediaStreamTrack;
  id: string;
  peer: string;
  /** A screen is shown whole, a face fills its tile. */
  whole?: boolean;
  /** Takes the last frame when the picture goes. */
  still?: RefObject<HTMLCanvasElement | null>;
}

/** Shown from its first frame on, so that nothing flashes. */
export function Picture({ track, id, peer, whole = false, still }: PictureProps) {
  const ref = useRef<HTMLVideoElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    show(element, track);
  }, [track]);
  useEffect(() => {
    const element = ref.current;
    return () => {
      if (element) element.srcObject = null;
    };
  }, []);
  useLayoutEffect(() => {
    const element = ref.current;
    const canvas = still?.current;
    if (!element || !canvas) return;
    return () => keepFrame(element, canvas);
  }, [still, track]);
  return (
    <video
      ref={ref}
      {...(whole ? { "data-screen": peer } : { "data-peer": peer })}
      data-track={id}
      aria-hidden
      autoPlay
      playsInline
      muted
      onLoadedData={() => setSeen(true)}
      className={`calm absolute inset-0 size-full ${whole ? "object-contain" : "object-cover"} ${seen ? "opacity-100" : "opacity-0"}`}
    />
  );
}

/** The same picture may come another way: within one stream the element goes on without a stop, with a new one it would be dark. */
function show(element: HTMLVideoElement, track: MediaStreamTrack): void {
  const stream = element.srcObject;
  if (stream instanceof MediaStream) {
    const before = stream.getTracks().filter((old) => old !== track);
    stream.addTrack(track);
    for (const old of before) stream.removeTrack(old);
  } else element.srcObject = new MediaStream([track]);
  element.play().catch(() => undefined);
}

/** Wide enough to look like the picture that froze, small enough to cost nothing. */
const STILL_PX = 960;

function keepFrame(video: HTMLVideoElement, canvas: HTMLCanvasElement): void {
  const { videoWidth, videoHeight } = video;
  if (videoWidth === 0) return;
  const scale = Math.min(1, STILL_PX / videoWidth);
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
}

/** Holds the last frame, under the picture; seen only while one is awaited. */
export function Still({ canvas, shown, whole = false }: { canvas: RefObject<HTMLCanvasElement | null>; shown: boolean; whole?: boolean }) {
  // A camera that was turned off leaves nothing behind.
  useEffect(() => {
    if (!shown && canvas.current) canvas.current.width = 0;
  }, [canvas, shown]);
  return <canvas ref={canvas} width={0} height={0} aria-hidden className={`absolute inset-0 size-full ${whole ? "object-contain" : "object-cover"} ${shown ? "" : "hidden"}`} />;
}

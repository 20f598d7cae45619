/**
 * Menus for microphone, camera and speaker, the level of the one and a test sound for the other, and what is wrong.
 *
 * **Invariant:** each problem is said in its own sentence, next to what can be done about it.
 */
import { Camera, ChevronDown, Mic, Volume2 } from "lucide-react";
import { useState, type ReactNode } from "react";

import { useText, type Catalogue } from "../../app/i18n";
import { meter, playTestSound, type DeviceKind, type DeviceProblem, type LocalMedia, type MediaState } from "../../client";
import { Button } from "../../ui/button";
import { Meter } from "../../ui/level";
import { Menu, MenuChoices } from "../../ui/menu";
import { useSlice } from "../../ui/use-slice";
import { choicesOf, inUse } from "../shared/device-choices";

export function DeviceMenus({ local }: { local: LocalMedia }) {
  const text = useText();
  const state = useSlice(local.state);
  const track = state.microphone.on ? state.microphone.track : null;
  return (
    <div className="mt-4 flex flex-col gap-2">
      <Meter label={text.prejoin.meter} watched={track} watch={(write) => (track ? meter(track, write) : (write(0), () => undefined))} className="mb-1.5" />
      <Select local={local} kind="microphone" label={text.prejoin.microphone} icon={<Mic size={15} aria-hidden />} />
      <Select local={local} kind="camera" label={text.prejoin.camera} icon={<Camera size={15} aria-hidden />} />
      <Select local={local} kind="speaker" label={text.prejoin.speaker} icon={<Volume2 size={15} aria-hidden />} />
      <TestSound local={local} />
      <Problems local={local} state={state} />
    </div>
  );
}

function Select({ local, kind, label, icon }: { local: LocalMedia; kind: DeviceKind | "speaker"; label: string; icon: ReactNode }) {
  const text = useText();
  const list = useSlice(local.lists, (lists) => lists[kind]);
  const chosen = useSlice(local.choices, (choices) => choices[kind]);
  const track = useSlice(local.state, (state) => (kind === "speaker" ? null : state[kind].track));
  const problem = useSlice(local.state, (state) => (kind === "speaker" ? null : state[kind].problem));
  // Firefox lists no speakers: the sound goes to the system's then.
  if (kind === "speaker" && list.length === 0) return null;
  const choices = choicesOf(list, text);
  const value = inUse(list, chosen, track);
  const nothing = problem === "denied" || problem === "insecure" ? text.prejoin.notAllowed : text.prejoin.noDevices;
  const shown = choices.find((choice) => choice.value === value)?.label ?? nothing;
  return (
    <Menu
      align="start"
      label={label}
      trigger={
        <button
          type="button"
          aria-label={`${label}: ${shown}`}
          className="calm flex h-[38px] w-full items-center gap-2.5 rounded-[9px] border border-line px-3 text-start text-sm hover:bg-hover"
        >
          <span className="text-faint">{icon}</span>
          <span className="min-w-0 flex-1 truncate">{shown}</span>
          <ChevronDown size={14} aria-hidden className="text-faint" />
        </button>
      }
    >
      <MenuChoices label={label} value={value} choices={choices} onChoose={(id) => void local.choose(kind, id)} />
    </Menu>
  );
}

function TestSound({ local }: { local: LocalMedia }) {
  const text = useText();
  const [state, setState] = useState<"rest" | "playing" | "failed">("rest");
  const play = (): void => {
    setState("playing");
    playTestSound(local.choices.get().speaker).then(
      () => setState("rest"),
      () => setState("failed"),
    );
  };
  return (
    <div className="flex items-center gap-2">
      <Button tone="plain" size="small" busy={state === "playing" && text.prejoin.testPlaying} onClick={play} className="-ms-2.5">
        {text.prejoin.testSound}
      </Button>
      {state === "failed" && (
        <span role="alert" className="text-xs text-danger-text">
          {text.prejoin.testFailed}
        </span>
      )}
    </div>
  );
}

function Problems({ local, state }: { local: LocalMedia; state: MediaState }) {
  const text = useText();
  const sentences = problemSentences(state, text);
  if (sentences.length === 0) return null;
  return (
    <div role="alert" className="rounded-control border border-line bg-hover px-3 py-2.5 text-sm">
      {sentences.map(({ kinds, sentence, retry }) => (
        <p key={sentence} className="py-0.5">
          {sentence}{" "}
          {retry && (
            <button type="button" className="font-semibold text-accent underline-offset-4 hover:underline" onClick={() => kinds.forEach((kind) => void local.setOn(kind, true))}>
              {text.common.retry}
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

interface ProblemSentence {
  kinds: readonly DeviceKind[];
  sentence: string;
  retry: boolean;
}

/** One sentence for both devices where it is the same trouble. */
function problemSentences(state: MediaState, text: Catalogue): ProblemSentence[] {
  const { microphone, camera } = state;
  const { both, problems } = text.prejoin;
  const retry = (problem: DeviceProblem): boolean => problem !== "insecure";
  const shared = microphone.problem;
  if (shared && shared === camera.problem && (shared === "denied" || shared === "missing" || shared === "insecure")) {
    return [{ kinds: ["microphone", "camera"], sentence: both[shared], retry: retry(shared) }];
  }
  return (["microphone", "camera"] as const).flatMap((kind) => {
    const { problem } = state[kind];
    return problem ? [{ kinds: [kind], sentence: problems[problem][kind], retry: retry(problem) }] : [];
  });
}

/**
 * The control bar: always in the same place, in the same order.
 *
 * **Invariant:** leaving is one click; ending the room for all is two.
 */
import {
  Activity, ChevronUp, Ellipsis, Eye, Film, Keyboard, LayoutGrid, Link as LinkIcon, LogOut, Maximize, MessageSquare, Mic, MicOff, Minimize, MonitorUp, MonitorX,
  PhoneOff, PictureInPicture2, ShieldCheck, SquareUser, Users, Video, VideoOff, Volume2,
} from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

import { useText } from "../../app/i18n";
import { SHARES_MAX, type DeviceKind, type RoomSession } from "../../client";
import { cx } from "../../ui/cx";
import { Menu, MenuCheck, MenuChoices, MenuItem, MenuLine } from "../../ui/menu";
import { moveAlong } from "../../ui/roving";
import { notify, readOut, setReadOut } from "../../ui/toast";
import { Tooltip } from "../../ui/tooltip";
import { useSlice } from "../../ui/use-slice";
import { choicesOf, inUse } from "../shared/device-choices";
import { ThemeChoices } from "../shared/shell";
import { useCopyLink } from "./header";
import { useFullScreen } from "./hooks";
import type { PanelState } from "./panel-state";
import { canPip, useFloats, usePip } from "./pip";
import type { RoomView } from "./room-view";
import { toggleDevice, toggleShare } from "./use-room-keys";

interface BarProps {
  session: RoomSession;
  view: RoomView;
  panel: PanelState;
  narrow: boolean;
}

export function ControlBar({ session, view, panel, narrow }: BarProps) {
  const text = useText();
  return (
    <footer className="flex items-center justify-center px-2">
      <div role="toolbar" aria-label={text.room.bar} onKeyDown={moveAlong} className="flex items-center gap-1.5 sm:gap-2">
        <Device session={session} kind="microphone" />
        <Device session={session} kind="camera" />
        {!narrow && session.local.screens.possible && <ShareButton session={session} />}
        {!narrow && (
          <Tip text={text.room.keyTip(text.room.people, "P")}>
            <Control label={text.room.people} on={panel.tab === "people"} onClick={() => panel.toggle("people")} data-opens="people" aria-expanded={panel.tab === "people"}>
              <Users size={20} aria-hidden />
            </Control>
          </Tip>
        )}
        <ChatButton session={session} panel={panel} />
        <MoreMenu session={session} view={view} panel={panel} narrow={narrow} />
        <Leave session={session} split={!narrow} />
      </div>
    </footer>
  );
}

interface ControlProps extends ComponentProps<"button"> {
  label: string;
  on?: boolean;
  off?: boolean;
  /** Where it stands in a split button. */
  part?: "whole" | "left" | "right";
  children: ReactNode;
}

const parts = {
  whole: "min-w-[46px] rounded-[13px] px-3",
  left: "min-w-[46px] rounded-s-[13px] px-3",
  right: "w-6 rounded-e-[13px]",
};

function Control({ label, on = false, off = false, part = "whole", children, ...rest }: ControlProps) {
  return (
    <button
      {...rest}
      type="button"
      aria-label={label}
      className={cx(
        "calm grid h-[46px] grid-flow-col place-items-center gap-1.5 aria-disabled:opacity-60",
        on ? "bg-accent text-accent-ink" : off ? "bg-[color-mix(in_oklab,var(--danger)_24%,var(--raised))] text-danger-text hover:brightness-110" : "bg-raised text-text hover:bg-hover",
        parts[part],
      )}
    >
      {children}
    </button>
  );
}

function Tip({ text, children }: { text: string; children: ReactNode }) {
  return <Tooltip text={text}>{children}</Tooltip>;
}

/** A switch and, joined to it, the menu of devices. */
function Device({ session, kind }: { session: RoomSession; kind: DeviceKind }) {
  const text = useText();
  const { on, opening } = useSlice(session.local.state, (state) => state[kind]);
  const allowed = useSlice(session.local.allowed, (now) => now[kind]);
  const microphone = kind === "microphone";
  const action = microphone ? (on ? text.room.mute : text.room.unmute) : on ? text.room.cameraOff : text.room.cameraOn;
  const label = allowed ? action : text.room.barredControl(action, kind);
  const Icon = microphone ? (on ? Mic : MicOff) : on ? Video : VideoOff;
  const off = !on && !opening;
  return (
    <div className="flex gap-px">
      <Tip text={allowed ? text.room.keyTip(label, microphone ? "M" : "V") : label}>
        <Control label={label} off={off} aria-disabled={!allowed || undefined} aria-busy={opening || undefined} onClick={() => toggleDevice(session, kind)} part="left">
          <Icon size={20} aria-hidden />
        </Control>
      </Tip>
      <DeviceMenu session={session} kind={kind} off={off} />
    </div>
  );
}

function DeviceMenu({ session, kind, off }: { session: RoomSession; kind: DeviceKind; off: boolean }) {
  const text = useText();
  const lists = useSlice(session.local.lists);
  const chosen = useSlice(session.local.choices);
  const track = useSlice(session.local.state, (state) => state[kind].track);
  const microphone = kind === "microphone";
  return (
    <Menu
      side="top"
      align="start"
      theme="dark"
      label={microphone ? text.room.microphones : text.room.cameras}
      onOpenChange={(open) => void (open && session.local.refresh())}
      trigger={
        <Control label={microphone ? text.room.microphones : text.room.cameras} off={off} part="right">
          <ChevronUp size={13} strokeWidth={3} aria-hidden className={off ? "" : "text-muted"} />
        </Control>
      }
    >
      <MenuChoices
        label={microphone ? text.prejoin.microphone : text.prejoin.camera}
        value={inUse(lists[kind], chosen[kind], track)}
        choices={choicesOf(lists[kind], text)}
        onChoose={(id) => void session.local.choose(kind, id)}
      />
      {microphone && lists.speaker.length > 0 && (
        <>
          <MenuLine />
          <MenuChoices
            label={text.prejoin.speaker}
            value={inUse(lists.speaker, chosen.speaker)}
            choices={choicesOf(lists.speaker, text)}
            onChoose={(id) => void session.local.choose("speaker", id)}
          />
        </>
      )}
    </Menu>
  );
}

function ShareButton({ session }: { session: RoomSession }) {
  const text = useText();
  const sharing = useSlice(session.local.screens.state, (shares) => shares.length > 0);
  const allowed = useSlice(session.local.allowed, (now) => now.screen);
  const action = sharing ? text.room.shareStop : text.room.share;
  const label = allowed ? action : text.room.barredControl(action, "screen");
  const Icon = sharing ? MonitorX : MonitorUp;
  return (
    <Tip text={allowed ? text.room.keyTip(label, "S") : label}>
      <Control label={label} on={sharing} aria-disabled={!allowed || undefined} onClick={() => toggleShare(session)}>
        <Icon size={20} aria-hidden />
      </Control>
    </Tip>
  );
}

function ChatButton({ session, panel }: { session: RoomSession; panel: PanelState }) {
  const text = useText();
  const unread = useSlice(session.chat.view, (view) => view.unread);
  const open = panel.tab === "chat";
  return (
    <Tip text={text.room.keyTip(text.room.chat, "C")}>
      <Control label={unread > 0 ? text.room.chatUnread(unread) : text.room.chat} on={open} onClick={() => panel.toggle("chat")} data-opens="chat" aria-expanded={open}>
        <MessageSquare size={20} aria-hidden />
        {unread > 0 && (
          <span aria-hidden className={cx("min-w-[17px] rounded-full px-[5px] text-center text-[11px] leading-[17px] font-bold", open ? "bg-accent-ink text-accent" : "bg-accent text-accent-ink")}>
            {unread > 99 ? "99+" : unread}
          </span>
        )}
      </Control>
    </Tip>
  );
}

function MoreMenu({ session, view, panel, narrow }: BarProps) {
  const text = useText();
  const copy = useCopyLink(session);
  const host = useSlice(session.roster, (roster) => roster.role === "host");
  const aloud = useSlice(readOut);
  return (
    <Menu
      side="top"
      align="center"
      theme="dark"
      label={text.room.more}
      trigger={
        <Control label={text.room.more}>
          <Ellipsis size={20} aria-hidden />
        </Control>
      }
    >
      {narrow && (
        <MenuItem icon={<Users size={16} aria-hidden />} onSelect={() => panel.open("people")}>
          {text.room.people}
        </MenuItem>
      )}
      <MenuItem icon={<LinkIcon size={16} aria-hidden />} onSelect={copy}>
        {text.room.copyLink}
      </MenuItem>
      <SharingItems session={session} narrow={narrow} />
      {host && (
        <MenuItem icon={<ShieldCheck size={16} aria-hidden />} onSelect={() => view.patch({ allowed: true })}>
          {text.allowed.title}
        </MenuItem>
      )}
      <MenuLine />
      <ViewItems session={session} view={view} narrow={narrow} />
      <MenuLine />
      <MenuItem icon={<Activity size={16} aria-hidden />} onSelect={() => view.patch({ stats: true })}>
        {text.room.statistics}
      </MenuItem>
      {!narrow && (
        <MenuItem icon={<Keyboard size={16} aria-hidden />} onSelect={() => view.patch({ keys: true })}>
          {text.room.keys}
        </MenuItem>
      )}
      <MenuCheck
        icon={<Volume2 size={16} aria-hidden />}
        checked={aloud}
        onChange={(on) => {
          setReadOut(on);
          notify(on ? text.room.readOutOn : text.room.readOutOff);
        }}
      >
        {text.room.readOut}
      </MenuCheck>
      <MenuLine />
      <ThemeChoices />
      {narrow && host && (
        <>
          <MenuLine />
          <MenuItem danger icon={<PhoneOff size={16} aria-hidden />} onSelect={() => session.closeRoom()}>
            {text.room.endForAll}
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

/** What the bar has no place for: a second screen, what each is to be, and on a phone the first one. */
function SharingItems({ session, narrow }: { session: RoomSession; narrow: boolean }) {
  const text = useText();
  const { screens } = session.local;
  const shared = useSlice(screens.state);
  const shares = shared.length;
  const allowed = useSlice(session.local.allowed, (now) => now.screen);
  if (!screens.possible) return null;
  const icon = <MonitorUp size={16} aria-hidden />;
  return (
    <>
      {(narrow ? shares < SHARES_MAX : shares > 0 && shares < SHARES_MAX) && (
        <MenuItem icon={icon} disabled={!allowed} onSelect={() => void screens.start()}>
          {!allowed ? text.room.barredControl(text.room.share, "screen") : shares > 0 ? text.room.shareMore : text.room.share}
        </MenuItem>
      )}
      {shared.map(({ place, style }, i) => (
        <MenuCheck key={place} icon={<Film size={16} aria-hidden />} checked={style === "smooth"} onChange={(smooth) => screens.style(place, smooth ? "smooth" : "sharp")}>
          {text.room.shareSmooth(i + 1, shares)}
        </MenuCheck>
      ))}
      {narrow && shares > 0 && (
        <MenuItem icon={<MonitorX size={16} aria-hidden />} onSelect={() => screens.stopAll()}>
          {text.room.shareStop}
        </MenuItem>
      )}
    </>
  );
}

/** How one looks at the room. */
function ViewItems({ session, view, narrow }: { session: RoomSession; view: RoomView; narrow: boolean }) {
  const text = useText();
  const pip = usePip(session, view);
  const floats = useFloats(view);
  const full = useFullScreen();
  const { focus, self, hidden } = useSlice(view);
  const grid = self === "grid";
  return (
    <>
      {narrow && (
        <MenuItem icon={focus === null ? <SquareUser size={16} aria-hidden /> : <LayoutGrid size={16} aria-hidden />} onSelect={() => view.toggleMode()}>
          {focus === null ? text.room.focus : text.room.grid}
        </MenuItem>
      )}
      {hidden.size > 0 && (
        <MenuItem icon={<Eye size={16} aria-hidden />} onSelect={() => view.showAll()}>
          {text.room.showHidden(hidden.size)}
        </MenuItem>
      )}
      <MenuItem icon={grid ? <SquareUser size={16} aria-hidden /> : <LayoutGrid size={16} aria-hidden />} onSelect={() => view.placeSelf({ self: grid ? "corner" : "grid" })}>
        {grid ? text.room.selfToCorner : text.room.selfToGrid}
      </MenuItem>
      {canPip() && (
        <MenuItem icon={<PictureInPicture2 size={16} aria-hidden />} onSelect={pip}>
          {floats ? text.room.pipClose : text.room.pip}
        </MenuItem>
      )}
      {document.fullscreenEnabled && (
        <MenuItem icon={full ? <Minimize size={16} aria-hidden /> : <Maximize size={16} aria-hidden />} onSelect={() => void (full ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => undefined)}>
          {full ? text.room.fullScreenLeave : text.room.fullScreen}
        </MenuItem>
      )}
    </>
  );
}

function Leave({ session, split }: { session: RoomSession; split: boolean }) {
  const text = useText();
  const host = useSlice(session.roster, (roster) => roster.role === "host") && split;
  const leave = "calm h-[46px] bg-danger font-semibold text-danger-ink hover:brightness-110";
  return (
    <div className="ms-1.5 flex gap-px sm:ms-3">
      <button type="button" onClick={() => session.leave()} className={cx(leave, host ? "rounded-s-[13px] pe-3 ps-4" : "rounded-[13px] px-[18px]")}>
        {text.room.leave}
      </button>
      {host && (
        <Menu
          side="top"
          theme="dark"
          label={text.room.leaveMenu}
          trigger={
            <button type="button" aria-label={text.room.leaveMenu} className={cx(leave, "grid place-items-center rounded-e-[13px] px-2")}>
              <ChevronUp size={14} strokeWidth={3} aria-hidden />
            </button>
          }
        >
          <MenuItem icon={<LogOut size={16} aria-hidden />} onSelect={() => session.leave()}>
            {text.room.leaveOnly}
          </MenuItem>
          <MenuItem danger icon={<PhoneOff size={16} aria-hidden />} onSelect={() => session.closeRoom()}>
            {text.room.endForAll}
          </MenuItem>
        </Menu>
      )}
    </div>
  );
}

/**
 * The frame of the screens around a room: the mark, the account, and a place in the middle.
 *
 * **Invariant:** the account menu is the same and in the same place on each of them.
 */
import { LogOut, Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";

import { useText } from "../../app/i18n";
import { setTheme, theme, type ThemeWish } from "../../app/theme";
import { Avatar } from "../../ui/avatar";
import { IconButton } from "../../ui/button";
import { Logo } from "../../ui/logo";
import { Menu, MenuChoices, MenuItem, MenuLabel, MenuLine } from "../../ui/menu";
import { useSlice } from "../../ui/use-slice";
import { useAuth, useClient } from "./services";

export function Shell({ children, bare = false }: { children: ReactNode; bare?: boolean }) {
  const text = useText();
  return (
    <div className="flex min-h-full flex-col">
      <header className="flex h-15 shrink-0 items-center gap-4 px-4 sm:px-7">
        <Link to="/" aria-label={text.product} className="rounded-lg">
          <Logo />
        </Link>
        <div className="ms-auto flex items-center gap-2">
          <Account bare={bare} />
        </div>
      </header>
      <main className="flex flex-1 flex-col">{children}</main>
    </div>
  );
}

function Account({ bare }: { bare: boolean }) {
  const text = useText();
  const auth = useAuth();
  const client = useClient();
  const at = useLocation();
  if (auth.status !== "in") {
    return (
      <>
        <ThemeMenu />
        {!bare && auth.status === "out" && (
          <Link to={`/sign-in?next=${encodeURIComponent(at.pathname)}`} className="calm rounded-control px-3 py-2 font-semibold hover:bg-hover">
            {text.account.signIn}
          </Link>
        )}
      </>
    );
  }
  const { displayName, email } = auth.user;
  return (
    <Menu
      label={text.account.menu(displayName)}
      trigger={
        <button type="button" aria-label={text.account.menu(displayName)} className="rounded-full">
          <Avatar name={displayName} />
        </button>
      }
    >
      <MenuLabel>
        <span className="block truncate text-base font-semibold text-text">{displayName}</span>
        <span className="block truncate">{email}</span>
      </MenuLabel>
      <MenuLine />
      <ThemeChoices />
      <MenuLine />
      <MenuItem icon={<LogOut size={16} aria-hidden />} onSelect={() => void client.auth.signOut().catch(() => undefined)}>
        {text.account.signOut}
      </MenuItem>
    </Menu>
  );
}

function ThemeMenu() {
  const text = useText();
  const wish = useSlice(theme);
  const Icon = wish === "light" ? Sun : wish === "dark" ? Moon : Monitor;
  return (
    <Menu
      label={text.theme.label}
      trigger={
        <IconButton label={text.theme.label} className="size-9">
          <Icon size={18} aria-hidden />
        </IconButton>
      }
    >
      <ThemeChoices />
    </Menu>
  );
}

export function ThemeChoices() {
  const text = useText();
  const wish = useSlice(theme);
  const choices = (["system", "light", "dark"] as const).map((value) => ({ value, label: text.theme[value] }));
  return <MenuChoices label={text.theme.label} value={wish} choices={choices} onChoose={(value) => setTheme(value as ThemeWish)} />;
}

/** A sentence in the middle of the screen, with ways on. */
export function Plain({ title, lead, children, alert = false }: { title: string; lead?: string | undefined; children?: ReactNode; alert?: boolean }) {
  return (
    <div className="m-auto flex max-w-md flex-col items-center gap-2 px-6 py-16 text-center" role={alert ? "alert" : undefined}>
      <h1 className="text-xl leading-7 font-semibold tracking-tight">{title}</h1>
      {lead && <p className="text-muted">{lead}</p>}
      {children && <div className="mt-4 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}

/** What is being waited for, in words. */
export function Waiting({ what }: { what: string }) {
  return (
    <p role="status" className="m-auto px-6 py-16 text-muted">
      {what}
    </p>
  );
}


/**
 * Routes and what surrounds them.
 *
 * **Invariant:** the room's code is loaded only when a room is near: from its own page, or ahead from home.
 */
import { DirectionProvider } from "@radix-ui/react-direction";
import { lazy, Suspense, useEffect } from "react";
import { BrowserRouter, Link, Navigate, Route, Routes, useLocation, useParams } from "react-router";

import type { RookeryClient } from "../client";
import { Home } from "../screens/home/home";
import { roomOf, roomPath } from "../screens/shared/links";
import { ClientContext, useAuth } from "../screens/shared/services";
import { Plain, Shell, Waiting } from "../screens/shared/shell";
import { useTitle } from "../screens/shared/use-title";
import { SignIn } from "../screens/sign-in/sign-in";
import { SignUp } from "../screens/sign-in/sign-up";
import { Notices } from "../ui/toast";
import { TooltipProvider } from "../ui/tooltip";
import { ErrorBoundary } from "./error-boundary";
import { pickCatalogue, TextContext, useText } from "./i18n";

const RoomPage = lazy(() => import("../screens/prejoin/room-page"));

export function App({ client }: { client: RookeryClient }) {
  const text = pickCatalogue(navigator.languages);
  useEffect(() => {
    document.documentElement.lang = text.language;
    document.documentElement.dir = text.direction;
  }, [text]);
  return (
    <TextContext value={text}>
      <ClientContext value={client}>
        <ErrorBoundary>
          <DirectionProvider dir={text.direction}>
            <TooltipProvider>
              <BrowserRouter>
                <Pages />
              </BrowserRouter>
              <Notices />
            </TooltipProvider>
          </DirectionProvider>
        </ErrorBoundary>
      </ClientContext>
    </TextContext>
  );
}

function Pages() {
  const text = useText();
  return (
    <Suspense
      fallback={
        <Shell bare>
          <Waiting what={text.common.loading} />
        </Shell>
      }
    >
      <Routes>
        <Route path="/" element={<SignedIn />} />
        <Route path="/sign-in" element={<SignIn />} />
        <Route path="/sign-up" element={<SignUp />} />
        <Route path="/r/:slug" element={<RoomRoute />} />
        <Route path="*" element={<Elsewhere />} />
      </Routes>
    </Suspense>
  );
}

/** Home is for those who are signed in; others sign in first. */
function SignedIn() {
  const auth = useAuth();
  const text = useText();
  if (auth.status === "in") return <Home />;
  if (auth.status === "out") return <Navigate to="/sign-in" replace />;
  return (
    <Shell bare>
      <Waiting what={text.sign.checking} />
    </Shell>
  );
}

/** Another room is another page: nothing of the last one is kept. */
function RoomRoute() {
  const { slug = "" } = useParams();
  const room = roomOf(slug);
  if (!room) return <NotFound />;
  return <RoomPage key={room} slug={room} />;
}

/** `/abc-defg-hij` is a room as well, since codes are said aloud. */
function Elsewhere() {
  const { pathname } = useLocation();
  const room = /^\/[^/]+\/?$/.test(pathname) ? roomOf(pathname) : undefined;
  return room ? <Navigate to={roomPath(room)} replace /> : <NotFound />;
}

function NotFound() {
  const text = useText();
  useTitle(text.notFound.title);
  return (
    <Shell>
      <Plain title={text.notFound.title} lead={text.notFound.lead}>
        <Link to="/" className="font-semibold text-accent underline-offset-4 hover:underline">
          {text.common.home}
        </Link>
      </Plain>
    </Shell>
  );
}

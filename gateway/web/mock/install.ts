/**
 * Puts the scripted server in the place of `fetch` and `WebSocket`, before the page begins.
 *
 * **Invariant:** requests for the page's own files go where they always go.
 */
import { answer } from "./rest";
import { control, ScriptedSocket } from "./socket";

const asked = new URLSearchParams(location.search).get("mock");
if (asked !== null) sessionStorage.setItem("mock", asked);

const real = window.fetch.bind(window);
window.fetch = (input, init) => (String(input).startsWith("/api/") ? answer(String(input), init ?? {}) : real(input, init));

const RealSocket = window.WebSocket;
window.WebSocket = new Proxy(RealSocket, {
  construct: (target, [url, protocols]: [string, string | string[] | undefined]) =>
    String(url).includes("/ws") ? new ScriptedSocket(String(url)) : new target(url, protocols),
});

(window as { __mock?: typeof control }).__mock = control;

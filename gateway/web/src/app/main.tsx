/**
 * The page begins here.
 *
 * **Invariant:** nothing is asked of the server before the client is made, and then only who is signed in.
 */
import { createRoot } from "react-dom/client";

import { RookeryClient, browserEnvironment, setUpDebug } from "../client";
import { App } from "./app";
import "./styles.css";
import { show } from "./theme";

const environment = browserEnvironment();
const client = new RookeryClient(environment);
setUpDebug(environment.local, client);
show();
void client.auth.start();
// Back from sleep, from another tab or from no network: nobody waits for a pause between attempts to end.
window.addEventListener("online", () => client.hurry());
window.addEventListener("pageshow", () => client.hurry());
document.addEventListener("resume", () => client.hurry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && client.hurry());

const root = document.getElementById("root");
if (root) createRoot(root).render(<App client={client} />);

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
window.addEventListener("online", () => client.hurry());

const root = document.getElementById("root");
if (root) createRoot(root).render(<App client={client} />);

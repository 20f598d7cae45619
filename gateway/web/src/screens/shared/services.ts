/**
 * How screens reach the client.
 *
 * **Invariant:** there is one client for the whole page.
 */
import { createContext, useContext } from "react";

import type { AuthState, Me, RookeryClient } from "../../client";
import { useSlice } from "../../ui/use-slice";

export const ClientContext = createContext<RookeryClient | null>(null);

export function useClient(): RookeryClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error("no client around this screen");
  return client;
}

export function useAuth(): AuthState {
  return useSlice(useClient().auth.state);
}

/** Who is signed in, if anyone. */
export function useMe(): Me | null {
  const auth = useAuth();
  return auth.status === "in" ? auth.user : null;
}

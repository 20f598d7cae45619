/**
 * The one column in which people sign in and up.
 *
 * **Invariant:** whoever is signed in never sees it.
 */
import type { ReactNode } from "react";
import { Navigate, useSearchParams } from "react-router";

import { useText } from "../../app/i18n";
import { safeNext } from "../shared/links";
import { useAuth } from "../shared/services";
import { Shell, Waiting } from "../shared/shell";

export function Column({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const text = useText();
  const auth = useAuth();
  const [query] = useSearchParams();
  if (auth.status === "in") return <Navigate to={safeNext(query.get("next"))} replace />;
  return (
    <Shell bare>
      {auth.status === "unknown" ? (
        <Waiting what={text.sign.checking} />
      ) : (
        <div className="mx-auto w-full max-w-sm px-5 pt-8 pb-16 sm:pt-16">
          <h1 className="text-[26px] leading-8 font-[650] tracking-[-0.02em]">{title}</h1>
          <p className="mt-1.5 mb-7 text-muted">{lead}</p>
          {children}
        </div>
      )}
    </Shell>
  );
}

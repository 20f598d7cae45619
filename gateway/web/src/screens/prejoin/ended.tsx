/**
 * Why a call is over, and what can be done about it.
 *
 * **Invariant:** joining again is offered exactly where it can succeed.
 */
import { useNavigate } from "react-router";

import { useText, type Catalogue } from "../../app/i18n";
import type { EndReason } from "../../client";
import { Button } from "../../ui/button";
import { useMe } from "../shared/services";
import { Plain, Shell } from "../shared/shell";
import { roomPath } from "../shared/links";

export function Ended({ end, slug, onRejoin }: { end: EndReason; slug: string; onRejoin: () => void }) {
  const text = useText();
  const me = useMe();
  const navigate = useNavigate();
  const again = end.why === "left" || end.why === "superseded" || (end.why === "refused" && end.code !== "room_not_found");
  return (
    <Shell>
      <Plain alert={end.why !== "left"} title={sentenceFor(end, text)}>
        {end.why === "signed_out" && (
          <Button tone="main" onClick={() => void navigate(`/sign-in?next=${encodeURIComponent(roomPath(slug))}`)}>
            {text.ended.signIn}
          </Button>
        )}
        {again && (
          <Button tone="main" onClick={onRejoin}>
            {text.ended.rejoin}
          </Button>
        )}
        <Button onClick={() => void navigate("/")}>{me ? text.ended.home : text.ended.start}</Button>
      </Plain>
    </Shell>
  );
}

function sentenceFor(end: EndReason, text: Catalogue): string {
  switch (end.why) {
    case "left":
      return text.ended.left;
    case "kicked":
      return text.ended.kicked;
    case "closed":
      return text.ended.closed[end.reason];
    case "superseded":
      return text.ended.superseded;
    case "signed_out":
      return text.ended.signedOut;
    case "refused":
      return text.codes[end.code];
  }
}

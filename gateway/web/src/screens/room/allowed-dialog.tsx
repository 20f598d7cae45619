/**
 * What others may send: the host's three switches.
 *
 * **Invariant:** a switch shows what the room says, but for the moment in which its change is under way.
 */
import { useState } from "react";

import { useText } from "../../app/i18n";
import { allowedIn, Refused, sendables, type PatchAllowed, type RoomSession, type Sendable } from "../../client";
import { Dialog } from "../../ui/dialog";
import { FormError } from "../../ui/field";
import { Switch } from "../../ui/switch";
import { useSlice } from "../../ui/use-slice";

export function AllowedDialog({ session, open, onClose }: { session: RoomSession; open: boolean; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog open={open} onClose={onClose} title={text.allowed.title} lead={text.allowed.lead}>
      <Switches session={session} />
    </Dialog>
  );
}

function Switches({ session }: { session: RoomSession }) {
  const text = useText();
  const allowed = useSlice(session.roster, ({ room }) => allowedIn(room));
  const [pending, setPending] = useState<PatchAllowed>({});
  const [failure, setFailure] = useState<string>();
  const change = async (what: Sendable, on: boolean): Promise<void> => {
    setFailure(undefined);
    setPending((before) => ({ ...before, [what]: on }));
    try {
      await session.allow({ [what]: on });
    } catch (error) {
      setFailure(text.codes[Refused.from(error).code]);
    }
    setPending(({ [what]: _, ...others }) => others);
  };
  return (
    <div className="-my-2.5 divide-y divide-line">
      <FormError>{failure}</FormError>
      {sendables.map((what) => (
        <Switch
          key={what}
          label={text.allowed.kinds[what]}
          hint={text.allowed.hints[what]}
          on={pending[what] ?? allowed[what]}
          busy={pending[what] !== undefined}
          onChange={(on) => void change(what, on)}
        />
      ))}
    </div>
  );
}

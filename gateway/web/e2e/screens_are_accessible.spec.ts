/**
 * The screens of a real node, in both themes.
 *
 * **Invariant:** what is judged is what the binary serves, its policy of contents included.
 */
import { expectAccessible } from "./support/axe";
import { artifacts } from "./support/chromium";
import { expect, test } from "./support/fixtures";
import type { Person } from "./support/person";

for (const theme of ["light", "dark"]) {
  test(`sign-in, home, before joining and room are accessible, ${theme}`, async ({ person }) => {
    const judge = async (one: Person, name: string): Promise<void> => {
      await expect(one.page.locator("html")).toHaveAttribute("data-theme", theme);
      // What floats in has come to rest: half-transparent words have no contrast.
      await one.page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity).map((a) => a.finished)));
      await one.page.screenshot({ path: `${artifacts}/screens/${name}-${theme}.png` });
      await expectAccessible(one.page);
    };
    const [ada, ben] = [await person("Ada", { theme }), await person("Ben", { theme })];
    await ada.page.goto("/sign-in");
    await ada.page.getByLabel("E-mail or username").waitFor();
    await judge(ada, "sign-in");
    await ada.signUp();
    const path = await ada.createRoom("Weekly planning");
    await ada.page.getByRole("button", { name: "Join now" }).click();
    await ada.live();
    await ben.page.goto(path);
    await ben.page.getByText("Ada is inside.").waitFor();
    await ben.page.getByRole("button", { name: "Join now" }).waitFor();
    await judge(ben, "before-joining");
    await ben.join(path);
    await ben.live();
    await Promise.all([ada.sees(1), ben.sees(1)]);
    await ada.openChat();
    await ada.write("Shall we begin?");
    await ben.openChat();
    await ben.reads("Shall we begin?");
    await judge(ada, "room");
    await judge(ben, "room-as-guest");
    await ada.page.getByRole("button", { name: "Leave", exact: true }).click();
    await ada.page.getByText("Weekly planning").first().waitFor();
    await judge(ada, "home");
  });
}

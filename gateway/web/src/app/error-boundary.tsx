/**
 * What is shown when the page itself fails.
 *
 * **Invariant:** it needs nothing of what may have failed but the words.
 */
import { Component, type ErrorInfo, type ReactNode } from "react";

import { TextContext } from "./i18n";

export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  static override contextType = TextContext;
  declare context: React.ContextType<typeof TextContext>;
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error("the page failed", error, info.componentStack);
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const { crash } = this.context;
    return (
      <main role="alert" className="grid h-full place-items-center p-6 text-center">
        <div>
          <h1 className="text-xl font-semibold">{crash.title}</h1>
          <p className="mt-2 mb-5 text-muted">{crash.lead}</p>
          <button type="button" onClick={() => window.location.reload()} className="h-11 rounded-[11px] bg-accent px-5 font-semibold text-accent-ink">
            {crash.reload}
          </button>
        </div>
      </main>
    );
  }
}

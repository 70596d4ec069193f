/** Exit code of an interrupted command. */
export const exitInterrupted = 130;

/** Ctrl-C: the first asks for a checkpoint and a clean end, the second ends the process at once. */
export function abortOnInterrupt(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitInterrupted);
    process.stderr.write('\ninterrupted: saving a checkpoint; press Ctrl-C again to quit at once\n');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

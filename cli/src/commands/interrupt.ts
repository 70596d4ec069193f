/** Exit code of an interrupted command. */
export const exitInterrupted = 130;

/**
 * Ctrl-C: the first asks for a checkpoint and a clean end, the second ends the process at once. A child of `rnnx reproduce` whose
 * parent is gone ends in the same way.
 */
export function abortOnInterrupt(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitInterrupted);
    process.stderr.write('\ninterrupted: saving a checkpoint; press Ctrl-C again to quit at once\n');
    controller.abort();
  };
  const onOrphaned = () => {
    // Nobody reads any more; a line that can't be written must not end the process before its checkpoint is.
    for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {});
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('disconnect', onOrphaned);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.off('disconnect', onOrphaned);
    },
  };
}

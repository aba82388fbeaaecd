import assert from 'node:assert/strict'

export { steady } from '../../src/conformance/checks.ts'

/** What keeps a process alive and belongs to connections; how many of each. Timers are the test runner's too, so a `VirtualEnv` counts those. */
export function handles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) {
    if (/TCP|Pipe|Server|Shutdown|Connect|Write/.test(name)) counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Gives closing handles the turns they need. */
async function settledHandles(before: Record<string, number>): Promise<Record<string, number>> {
  for (let turns = 0; turns < 2_000 && JSON.stringify(handles()) !== JSON.stringify(before); turns += 1) await turn()
  return handles()
}

/** Throws when there is more, or less, than before. */
export async function expectHandles(before: Record<string, number>): Promise<void> {
  assert.deepEqual(await settledHandles(before), before)
}

/** Runs a test, and looks whether it left a handle behind. */
export async function leavingNoHandle(run: () => Promise<void>): Promise<void> {
  const before = handles()
  await run()
  await expectHandles(before)
}

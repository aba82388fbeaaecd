import assert from 'node:assert/strict'

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

/** Waits until a number has not changed for many turns, and returns it. */
export async function steady(read: () => number): Promise<number> {
  let last = read()
  for (let same = 0; same < 300; same += 1) {
    await turn()
    if (read() !== last) same = 0
    last = read()
  }
  return last
}

/** Throws when there is more, or less, than before. */
export async function expectHandles(before: Record<string, number>): Promise<void> {
  assert.deepEqual(await settledHandles(before), before)
}

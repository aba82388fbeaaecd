import { expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../src/index.ts'

/** The calls by which a client and a server take items. */
export const CONSUMING: Record<string, (consumer: Consumer<string>) => unknown> = {
  'get()': (c) => c.get(),
  'tryGet()': (c) => c.tryGet(),
  'getAll()': (c) => c.getAll(),
  'poll()': (c) => c.poll(),
  'receive()': async (c) => (await c.receive()).item,
  'for await': (c) => first(c[Symbol.asyncIterator]()),
  'items()': (c) => first(c.items()),
  source: (c) => first(c.source),
  'deliveries()': (c) => first(itemsOf(c.deliveries())),
  'process()': (c) => c.process(() => {}),
}

/** What a loop gets first. */
export async function first(loop: AsyncIterator<unknown>): Promise<unknown> {
  const { done, value } = await loop.next()
  return done === true ? 'the end' : value
}

async function* itemsOf(deliveries: AsyncIterable<Delivery<string>>): AsyncGenerator<string> {
  for await (const { item } of deliveries) yield item
}

/**
 * Reads a table of traits: the first line names the situations, each further one a call and what it does in each of them.
 * Every line becomes a test. Fails for a call that the table misses.
 */
export function traits(
  table: string,
  calls: readonly string[],
  outcome: (call: string, situation: string) => Promise<string>,
): void {
  const [header = [], ...rows] = table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  const situations = header.slice(1)

  test('the table has a line for every call', () => {
    expect(rows.map(([call]) => call)).toEqual(calls)
  })

  const lines = rows.map(([call = '', ...expected]) => ({ call, expected }))
  test.for(lines)('$call', async ({ call, expected }) => {
    const actual: string[] = []
    for (const situation of situations) actual.push(await outcome(call, situation))
    expect(byName(situations, actual)).toEqual(byName(situations, expected))
  })
}

const byName = (names: readonly string[], values: readonly string[]): Record<string, string | undefined> =>
  Object.fromEntries(names.map((name, index) => [name, values[index]]))

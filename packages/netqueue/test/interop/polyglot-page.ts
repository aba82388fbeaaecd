import { connect, json } from '../../src/index.ts'

// What the page does that takes part in the shared queue: it is bundled, and called from polyglot.ts.

/** Doubles numbers until the server leaves. */
export async function work(address: string, id: string, token: string): Promise<void> {
  const client = await connect<number, number>(address, { id, token, item: json(), result: json() })
  await client.process(async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return 2 * n
  })
}

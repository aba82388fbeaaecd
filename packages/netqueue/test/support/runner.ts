import type { TestFunctions } from '../../src/conformance/index.ts'
import { turn } from './handles.ts'

/** How long a test may take that is to fail, in turns of the event loop: a broken thing may never answer. */
const MAX_TURNS = 3_000

/** A runner that runs nothing by itself. */
export class Runner {
  readonly cases = new Map<string, () => Promise<void>>()
  readonly skipped: string[] = []
  readonly functions: TestFunctions = {
    describe: (_name, define) => define(),
    test: Object.assign((name: string, run: () => Promise<void>) => void this.cases.set(name, run), {
      skip: (name: string) => void this.skipped.push(name),
    }),
  }

  /** Whether the test of this title fails, or does not come to an end. */
  async fails(title: string): Promise<boolean> {
    const run = this.cases.get(title)
    if (run === undefined) throw new Error(`No test is called ${title}`)
    const failed = run().then(
      () => false,
      () => true,
    )
    return Promise.race([failed, turns(MAX_TURNS).then(() => true)])
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await turn()
}

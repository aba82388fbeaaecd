import { VirtualClock } from '../../src/testing/virtual-env.ts'

/** An `Env` in which even the turns of the event loop wait for `advance`. */
export class VirtualEnv extends VirtualClock {
  constructor() {
    super({ manualTurns: true })
  }
}

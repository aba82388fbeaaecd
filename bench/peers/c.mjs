// @ts-check
import { compiled, Program } from './c/program.mjs'
import { payloadCycle } from '../workloads/common/payloads.mjs'

/** @import { Peer } from './peer.d.ts' */

/** Questions in both directions at once must fit into the buffers of the system, since the program waits in each write. */
const MAX_OPEN_BYTES = 2 ** 18

/** What the machine can do. @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup:
    'a program in C with the same frames as raw: plain `read`, small items copied into one `write` of at most 63 KiB, large ones by `writev`; it makes up and checks the items itself',
  missing: async () => compiled(),

  stream: {
    async receiver(took, { bytes }) {
      const program = new Program('receive', bytes, payloadCycle(bytes).length)
      const address = addressFrom(await program.line())
      void countAll(program, (count) => took.many(count))
      return address
    },

    async sender(address, payloads, { bytes }) {
      const program = new Program('send', portFrom(address), bytes, payloads.cycle.length, payloads.msLeft)
      payloads.sentCycles(Number(await program.line()))
      await program.done
    },
  },

  requests: {
    async asker({ bytes }) {
      const program = new Program('ask', bytes, payloadCycle(bytes).length)
      return {
        address: addressFrom(await program.line()),
        connected: async () => void (await program.line()),
        ask: async () => {
          throw new Error('The program in C asks many questions, or none')
        },
        async askMany({ inFlight, ms }) {
          if (inFlight * bytes > MAX_OPEN_BYTES)
            throw new RangeError(`${inFlight} × ${bytes} bytes are too many at once`)
          program.tell(`${inFlight} ${ms}`)
          const [answers = 0, elapsed = 0, ...micros] = (await program.line()).split(' ').map(Number)
          return { answers, ms: elapsed, micros: Float64Array.from(micros) }
        },
      }
    },

    async answerer(address, _, { bytes }) {
      await new Program('answer', portFrom(address), bytes).done
    },
  },
}

/**
 * @param {Program} program
 * @param {(count: number) => void} counted
 */
async function countAll(program, counted) {
  for await (const line of program.lines()) counted(Number(line))
  await program.done
}

/** @param {string} port */
function addressFrom(port) {
  return `tcp://127.0.0.1:${port}`
}

/** @param {string} address */
function portFrom(address) {
  return new URL(address).port
}

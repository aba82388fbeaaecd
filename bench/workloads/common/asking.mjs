// @ts-check
// The two processes of the workloads that ask.

import { loadPart } from '../../peers/load.mjs'
import { WARM_UP_MS } from './options.mjs'
import { payloadCycle } from './payloads.mjs'

/** @import { Asked, Asker, Setting } from '../../peers/peer.d.ts' */
/** @import { Stage } from '../../stage.mjs' */

/** Answers from one look at the clock, and at a whole answer, to the next. */
const STRIDE = 31

/** @typedef {{ inFlight: number, ms: number }} Task */

/** @typedef {Asked & { cpuMicrosPerItem: number }} Outcome */

/**
 * Starts both processes and warms them up; then the workload asks as it wants.
 * @template Sample
 * @param {Stage} stage
 * @param {{ inFlight: number, progress: (text: string) => void }} options
 * @param {(ask: (ms: number) => Promise<Outcome>) => Promise<Sample>} measure
 * @returns {Promise<Sample>}
 */
export async function askInTwoProcesses(stage, { inFlight, progress }, measure) {
  const server = stage.start(asker)
  const client = stage.start(answerer)
  const address = await server.methods.listen()
  const answering = client.methods.answer({ address })
  const ask = async (/** @type {number} */ ms) => {
    const before = await stage.cpuMicros()
    const asked = await server.methods.ask({ inFlight, ms })
    const after = await stage.cpuMicros()
    return { ...asked, cpuMicrosPerItem: (after - before) / asked.answers }
  }
  const rest = async () => {
    progress('warming up')
    await server.methods.connected()
    await ask(WARM_UP_MS)
    progress('asking')
    return await measure(ask)
  }
  return await Promise.race([rest(), answering])
}

/**
 * The process that asks.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function asker(peer, setting) {
  const server = await (await loadPart(peer, 'requests')).asker(setting)
  const questions = payloadCycle(setting.bytes)
  return {
    listen: async () => server.address,
    connected: () => server.connected(1),
    ask: (/** @type {Task} */ task) => askMany(server, questions, task),
  }
}

/**
 * The process that answers: with the question itself.
 * @param {string} peer
 * @param {Setting} setting
 */
export async function answerer(peer, setting) {
  const requests = await loadPart(peer, 'requests')
  return {
    /** Until the process ends. */
    answer: async (/** @type {{ address: string }} */ { address }) => {
      await requests.answerer(address, (question) => question, setting)
      throw new Error('The answerer has stopped')
    },
  }
}

/**
 * @param {Asker} server
 * @param {readonly Uint8Array[]} questions
 * @param {Task} task
 * @returns {Promise<Asked>}
 */
async function askMany(server, questions, task) {
  if (server.askMany !== undefined) return await server.askMany({ questions, ...task })
  return await (task.inFlight === 1 ? askOne(server, questions, task.ms) : askSeveral(server, questions, task))
}

/**
 * @param {Asker} server
 * @param {readonly Uint8Array[]} questions
 * @param {Task} task
 */
async function askSeveral(server, questions, { inFlight, ms }) {
  const start = performance.now()
  let answers = 0
  let elapsed = 0
  const keepAsking = async (/** @type {Uint8Array} */ question) => {
    while (elapsed === 0) {
      const answer = await server.ask(question)
      check(question, answer)
      if (elapsed > 0) return
      answers += 1
      if (answers % STRIDE !== 0) continue
      checkWhole(question, answer)
      const now = performance.now()
      if (now - start >= ms) elapsed = now - start
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, index) => keepAsking(at(questions, index))))
  return { answers, ms: elapsed, micros: new Float64Array() }
}

/**
 * @param {Asker} server
 * @param {readonly Uint8Array[]} questions
 * @param {number} ms
 */
async function askOne(server, questions, ms) {
  /** @type {number[]} */
  const micros = []
  const start = performance.now()
  let now = start
  while (now - start < ms) {
    const question = at(questions, micros.length)
    const answer = await server.ask(question)
    const done = performance.now()
    check(question, answer)
    if (micros.length % STRIDE === 0) checkWhole(question, answer)
    micros.push((done - now) * 1_000)
    now = performance.now()
  }
  return { answers: micros.length, ms: now - start, micros: Float64Array.from(micros) }
}

/**
 * @param {readonly Uint8Array[]} questions
 * @param {number} index
 */
function at(questions, index) {
  return /** @type {Uint8Array} */ (questions[index % questions.length])
}

/**
 * @param {Uint8Array} question
 * @param {Uint8Array} answer
 */
function check(question, answer) {
  if (answer.length !== question.length || answer[0] !== question[0])
    throw new Error('The answer is not what was asked')
}

/**
 * @param {Uint8Array} question
 * @param {Uint8Array} answer
 */
function checkWhole(question, answer) {
  if (Buffer.compare(question, answer) !== 0) throw new Error('The answer is not what was asked, byte by byte')
}

import type { Headers } from 'netqueue'
import type { Random } from '../random.ts'
import type { Features } from './features.ts'
import { ASKS } from './registries.ts'
import type { Ask } from './registries.ts'

/**
 * What the handler does: answers, throws with a code or without one, waits until it is told to stop, streams, reads what comes along, or
 * streams that back. `back`: it asks its requester something first. `hold`: it waits for the simulator.
 */
export type Act = 'answer' | 'throw' | 'crash' | 'hang' | 'stream' | 'collect' | 'echo' | 'back' | 'hold'
export type Verb = 'request' | 'call' | 'stream'

/** Chunks that somebody gives, and how. */
export interface StrandPlan {
  chunks: number
  /** Characters of each. */
  length: number
  /** Gives so many, and then fails. */
  failsAfter: number
  /** Its reader leaves after so many. */
  takes: number
}

/** How one request is to go, at both ends. */
export interface Plan {
  name: Ask
  verb: Verb
  act: Act
  channel: number
  /** Characters of the payload, and of the answer. */
  length: number
  answerLength: number
  /** Mean milliseconds of each thing that takes time. */
  workMs: number
  readMs: number
  /** The handler looks at its signal. */
  listens: boolean
  timeout: number | undefined
  abortAfter: number | undefined
  headers: Headers | undefined
  /** The payload, or the answer, is one that whoever checks refuses. */
  unfit: 'payload' | 'answer' | undefined
  body: StrandPlan | undefined
  reply: StrandPlan | undefined
}

const NEVER = Number.POSITIVE_INFINITY

/** A short request that is answered: for what is to be tried at the end. */
export const plainPlan: Plan = {
  name: 'ask:text',
  verb: 'request',
  act: 'answer',
  channel: 0,
  length: 1,
  answerLength: 1,
  workMs: 0,
  readMs: 0,
  listens: true,
  timeout: undefined,
  abortAfter: undefined,
  headers: undefined,
  unfit: undefined,
  body: undefined,
  reply: undefined,
}

export function drawPlan(random: Random, features: Features): Plan {
  const { has, answerMs } = features
  const act = drawAct(random, features)
  const length = (): number =>
    has.longTexts && random.chance(0.1) ? random.integer(61_000, 150_000) : random.integer(1, 200)
  const chunkLength = length()
  const strand = (): StrandPlan => drawStrand(random, features, chunkLength)
  return {
    name: random.pick([...ASKS, 'ask:text', 'ask:text', 'ask:narrow']),
    verb: drawVerb(random, act),
    act,
    channel: has.channels ? random.pick([0, 1, 2, 255]) : 0,
    length: length(),
    answerLength: length(),
    workMs: random.chance(0.3) ? 0 : answerMs,
    readMs: random.pick([0, 0, 1, 5]),
    listens: random.chance(0.7),
    ...drawPatience(random, features, act),
    headers: random.chance(0.2) ? { 'a-header': String(random.below(100)), empty: null } : undefined,
    unfit: has.unfit && random.chance(0.15) ? random.pick(['payload', 'answer'] as const) : undefined,
    body: act === 'collect' || act === 'echo' ? strand() : undefined,
    reply: act === 'stream' || act === 'echo' ? strand() : undefined,
  }
}

function drawAct(random: Random, { has }: Features): Act {
  const acts: Act[] = ['answer', 'answer', 'answer']
  if (has.failing) acts.push('throw', 'crash')
  if (has.givingUp) acts.push('hang')
  if (has.streaming) acts.push('stream', 'stream')
  if (has.bodies) acts.push('collect', 'echo')
  if (has.asking && has.serverAsking) acts.push('back')
  return random.pick(acts)
}

function drawVerb(random: Random, act: Act): Verb {
  const streams = act === 'stream' || act === 'echo'
  if (streams) return random.pick(['stream', 'stream', 'call', 'call', 'request'])
  return random.pick(['request', 'request', 'request', 'call', 'stream'])
}

/** Whoever asks for what never comes gives up. */
function drawPatience(random: Random, { has }: Features, act: Act): Pick<Plan, 'timeout' | 'abortAfter'> {
  const isShort = act === 'hang' || (has.givingUp && random.chance(0.35))
  if (!isShort) return { timeout: undefined, abortAfter: undefined }
  if (random.chance(0.5)) return { timeout: random.integer(0, 150), abortAfter: undefined }
  return { timeout: random.chance(0.5) ? NEVER : undefined, abortAfter: random.between(0, 120) }
}

function drawStrand(random: Random, { has }: Features, length: number): StrandPlan {
  const chunks = length > 1_000 ? random.integer(0, 4) : random.pick([0, 1, random.below(10), random.below(40)])
  return {
    chunks,
    length,
    failsAfter: has.failing && random.chance(0.15) ? random.below(chunks + 1) : NEVER,
    takes: random.chance(0.25) ? random.below(chunks + 1) : NEVER,
  }
}

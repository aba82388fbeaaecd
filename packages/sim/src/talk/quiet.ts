import type { Session } from '../session.ts'
import type { World } from '../world.ts'
import type { Dialogue } from './dialogue.ts'
import { isThere } from './party.ts'
import { plainPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import type { Request } from './request.ts'
import type { Talk } from './talk.ts'

/** Simulated milliseconds in which all that was said must have come to its end, when nothing fails any more. */
const QUIET_MS = 40_000
const LOOK_MS = 25

/** Requests that are tried at the end: where more fit, others have shown it. */
const MOST_TRIED = 16

/** A channel that nobody else uses then, and the milliseconds in which a request of it is answered. */
const OTHER_CHANNEL = 100
const OTHER_MS = 5_000

/** When faults are over: waits until nobody waits, and sees that nothing is left of it, and that every place is free again. */
export async function quieten(world: World, talk: Talk): Promise<void> {
  await until(world, () => talk.book.waiting.length === 0)
  for (const { key, asker } of talk.book.waiting) world.violate('I13', `${asker.name} still waits for ${key}`)
  await until(world, () => left(talk).length === 0)
  for (const what of left(talk)) world.violate('I21', what)
  for (const dialogue of living(talk)) await tryPlaces(world, talk, dialogue)
}

/** After everybody was closed. */
export function checkTalk(world: World, { book }: Talk): void {
  for (const { key, asker, body, reply, dialogue, outcome } of book.requests.values()) {
    world.check(outcome !== undefined || asker.process.isDead, 'I13', `${key} never came to an end`)
    // What comes along with a request that was never sent is still its maker's.
    if (dialogue === undefined) continue
    const isBodyLeft = !body.isOpen || asker.process.isDead
    const isReplyLeft = !reply.isOpen || dialogue.answerer.process.isDead
    world.check(isBodyLeft, 'I21', `the body of ${key} was never left`)
    world.check(isReplyLeft, 'I21', `the reply to ${key} was never left`)
  }
}

async function until(world: World, isOver: () => boolean): Promise<void> {
  const end = world.schedule.now + QUIET_MS
  while (!isOver() && world.schedule.now < end) await world.sleep(world.serverProcess, LOOK_MS)
}

/** Those between two sides that are there. */
function living(talk: Talk): Dialogue[] {
  return [...talk.dialogues.values()]
    .flatMap(({ client, server }) => [client, server])
    .filter(({ isLostHere, isLostThere, asker, answerer, session }) => {
      const isOver = isLostHere || isLostThere || session.isGone
      return !isOver && isThere(asker) && isThere(answerer)
    })
}

/** What should be over, and is not. */
function left(talk: Talk): string[] {
  const dialogues = living(talk)
  const sessions = new Set<Session>(dialogues.map(({ session }) => session))
  return [
    ...dialogues.flatMap((dialogue) =>
      [...dialogue.open.values()].map(({ key }) => `${dialogue.name}: ${key} is still open`),
    ),
    ...dialogues.flatMap((dialogue) =>
      dialogue.running.map(({ key }) => `${dialogue.name}: the handler of ${key} is still at work`),
    ),
    ...[...talk.mail.letters.values()].flatMap(({ key, promised, arrived }) =>
      [...promised].flatMap((each) =>
        sessions.has(each) && !arrived.has(each) ? [`${key} never arrived at ${each.name}`] : [],
      ),
    ),
  ]
}

/** As many requests as may be open at once are begun at once, and as many calls of the handler that has a limit. */
async function tryPlaces(world: World, talk: Talk, dialogue: Dialogue): Promise<void> {
  const { asker, answerer, session } = dialogue
  if (asker.name === 'server' ? asker.endedTo.has(session) : asker.endedTo.size > 0) return
  const places = Math.min(asker.limits.maxRequests, answerer.limits.maxRequests, MOST_TRIED)
  await tryAll(
    world,
    talk,
    dialogue,
    Array.from({ length: places }, () => ({})),
  )
  const calls = Math.min(talk.features.concurrency, places)
  // Each in a channel of its own, as one waits for the other where there is no place.
  const narrow = Array.from({ length: calls }, (_, channel): Partial<Plan> => ({ name: 'ask:narrow', channel }))
  await tryAll(world, talk, dialogue, narrow, places > calls + 1)
}

/** `withOthers`: one more waits for its place, and nobody in another channel for it. */
async function tryAll(
  world: World,
  talk: Talk,
  dialogue: Dialogue,
  plans: Partial<Plan>[],
  withOthers = false,
): Promise<void> {
  const { asker, answerer, session } = dialogue
  const back = talk.clients().find((peer) => peer.session === session)
  const speaker = talk.speakers.get(asker)
  if (speaker === undefined || back === undefined || !living(talk).includes(dialogue)) return
  const peer = asker === talk.server ? back : { party: answerer, session, client: undefined }
  const release = talk.hold()
  const ask = async (plan: Partial<Plan>): Promise<Request> => speaker.asker.ask({ ...plainPlan, ...plan }, peer)
  const calls = plans.map(async (plan) => ask({ act: 'hold', ...plan }))
  await until(world, () => dialogue.running.length === plans.length || !living(talk).includes(dialogue))
  const begun = dialogue.running.length
  if (living(talk).includes(dialogue))
    world.check(
      begun === plans.length,
      'I21',
      `${dialogue.name}: ${begun} are begun, of ${plans.length} that have a place`,
    )
  if (withOthers) {
    calls.push(ask({ name: 'ask:narrow' }))
    const other = await ask({ channel: OTHER_CHANNEL, timeout: OTHER_MS })
    const isOver = other.outcome === 'value' || !living(talk).includes(dialogue)
    world.check(isOver, 'I19', `${other.key} waited for another channel: ${other.outcome}`)
  }
  release()
  await Promise.all(calls)
}

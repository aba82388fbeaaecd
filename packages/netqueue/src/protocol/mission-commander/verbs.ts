/** What the original's verbs are here. Those of its messages are their subjects: `client.on('echo', …)`. */
const EVENTS = {
  connect: 'connect',
  /** A client is connected again: the same event. */
  reconnect: 'connect',
  disconnect: 'disconnect',
  servershutdown: 'goaway',
  statechange: 'state',
} as const

type Events = typeof EVENTS
type EventName = Events[keyof Events]

type Without<Verb extends string, Sign extends string> = Verb extends `${infer Before}${Sign}${infer After}`
  ? Without<`${Before}${After}`, Sign>
  : Verb
type Bare<Verb extends string> = Lowercase<Without<Without<Verb, '-'>, '_'>>
type EventOf<Verb extends string> = Verb extends keyof Events ? Events[Verb] : never

/** The event of a client here that a verb stands for; `never` for what is none, any of them for a text that is not known yet. */
export type MissionEvent<Verb extends string> = string extends Verb
  ? EventName
  : Bare<Verb> extends `on${infer Rest}`
    ? EventOf<Rest>
    : EventOf<Bare<Verb>>

/**
 * The name here of one of the original's events, in any of its spellings: `on` in front or not, capitals or not, with dashes and underscores
 * anywhere. `client.on(missionEvent('on-ConNEct'), …)`. Throws a `TypeError` for what is no event.
 */
export function missionEvent<const Verb extends string>(
  verb: Verb & ([MissionEvent<Verb>] extends [never] ? never : unknown),
): MissionEvent<Verb> {
  const bare = verb.replaceAll(/[-_]/g, '').toLowerCase().replace(/^on/, '')
  if (Object.hasOwn(EVENTS, bare)) return EVENTS[bare as keyof Events] as MissionEvent<Verb>
  const known = Object.keys(EVENTS).join(', ')
  throw new TypeError(`Expected one of the events ${known}, in any spelling, got ${JSON.stringify(verb)}`)
}

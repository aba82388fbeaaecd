import { Calls } from './calls.ts'
import { CLIENT_EVENTS } from './client-options.ts'
import type { ClientEvents, ClientOptions } from './client-options.ts'
import type { ClientSettings } from './client-settings.ts'
import { Pulse } from '../connection/pulse.ts'
import { Inbox } from '../delivery/inbox.ts'
import { Puts } from '../delivery/puts.ts'
import type { EndpointInit } from '../endpoint/endpoint.ts'
import { RELAYING } from '../endpoint/relaying.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { Emitter } from '../events/emitter.ts'
import type { Reach } from '../life/reach.ts'
import type { Messages } from '../message/messages.ts'
import type { Introduction } from '../protocol/handshake.ts'
import type { Protocol } from '../protocol/protocol.ts'
import { unsupported } from '../protocol/supports.ts'
import { randomName } from '../endpoint/random-name.ts'
import { Talk } from '../endpoint/talk.ts'
import { Ticks } from '../ticks/ticks.ts'
import { Uplinks } from './uplinks.ts'

/** What a client says of itself, to each server anew. */
export interface ClientSelf {
  /** Empty until a server has given it one. */
  id: string
  status: unknown
}

/** What a client is made of. Nothing but the uplinks knows that connections come and go. */
export interface ClientParts<Out> extends EndpointInit<ClientEvents> {
  self: ClientSelf
  puts: Puts<Out>
  calls: Calls
  uplinks: Uplinks<Out>
}

/** What is handed on is settled as frames come, and each process on the way gets its share of a core as it does: 50 ms of nothing mean something. */
const RELAY_PATIENCE = 5

/** Puts a client together; nothing is connected yet. Throws for options of messages and of redelivery that no client can have. */
export function assembleClient<In, Out, M extends Messages>(
  reaches: readonly Reach[],
  settings: ClientSettings<In, Out>,
  options: ClientOptions<In, Out, M>,
): ClientParts<Out> {
  const { env, limits, item, result, prefetch, tags, protocol, exposeErrors } = settings
  const relaying = options[RELAYING]
  const isRelay = relaying !== undefined
  const warn = (error: NetQueueError): void => uplinks.warn(error)
  const inbox = new Inbox({
    env,
    prefetch,
    maxPrefetch: limits.maxUnsettled,
    rtt: () => uplinks.fastestRtt,
    measureRtt: () => uplinks.ping(),
    patience: isRelay ? RELAY_PATIENCE : undefined,
    maxBytes: limits.maxInboxBytes,
    countReaders: true,
    warn,
    worked: () => uplinks.changed(),
    wanted: () => uplinks.use(),
  })
  const events = new Emitter<ClientEvents>(warn)
  const ticks = new Ticks(env)
  const talk = new Talk({
    env,
    options,
    limits,
    events: CLIENT_EVENTS,
    protocol,
    warn,
    worked: () => uplinks.changed(),
    finder: relaying?.finder,
    checkReachable: (name) => uplinks.checkReachable(name),
  })
  const carriesItems = protocol.supports.items
  if (!carriesItems) inbox.deny(unsupported(protocol.name, 'items'))
  const checkPut = carriesItems ? (): void => uplinks.checkPut() : refusing(protocol)
  /** On demand: what is put may have nobody to take it yet. */
  const wanting = (): void => {
    checkPut()
    uplinks.use()
  }
  const isOnDemand = settings.onDemandMs !== undefined
  if (isOnDemand && !reaches.every(({ isRepeatable }) => isRepeatable))
    throw new TypeError('Expected `onDemand` to come with a way that leads there again, got a duplex or `stdio:`')
  const puts = new Puts<Out>({
    env,
    limits,
    codec: result,
    options,
    checkOpen: isOnDemand ? wanting : checkPut,
    isAwaited: () => uplinks.all.some(({ isAwaited }) => isAwaited),
    warn,
  })
  const calls = new Calls({
    env,
    talk,
    begun: () => uplinks.begun,
    choose: settings.defaultServer === 'first' ? () => uplinks.first : () => uplinks.leastBusy,
    conversationOf: (server) => uplinks.openAt(server),
    checkOpen: () => uplinks.checkOpen(),
    wanted: () => uplinks.use(),
  })
  // Several servers would each give it another one.
  const id = settings.id === '' && reaches.length > 1 ? randomName('client', env) : settings.id
  const self = { id, status: settings.status }
  const introduction = (): Introduction => ({
    ...self,
    ...(protocol.renamesClients === true && { id: settings.id }),
    tags,
    isPaced: prefetch === 'auto',
    isRelay,
    item: item.name,
    result: result.name,
    messages: talk.own,
    nonce: env.randomBytes(16),
  })
  protocol.check?.({ role: 'client', introduction, limits })
  const link = {
    env,
    limits,
    inbox,
    codec: item,
    resultCodec: result,
    exposeErrors,
    retry: puts.retry,
    deadlines: puts.deadlines,
    takesPaths: isRelay,
    keepsReceived: false,
    lastOrdinal: () => puts.lastOrdinal,
    oldestWaiting: () => puts.oldestOrdinal,
  }
  const uplinks: Uplinks<Out> = new Uplinks<Out>({
    reaches,
    puts,
    calls,
    ticks,
    events,
    logger: settings.logger,
    id: () => self.id,
    onDemandMs: settings.onDemandMs,
    shared: {
      link,
      talk,
      puts,
      protocol,
      introduction,
      relaying,
      status: () => self.status,
      evidence: settings.evidence,
      identified: (given) => (self.id = given),
      pulse: new Pulse({ env, limits, warn, flushDelayMs: settings.flushDelayMs, passesOn: isRelay }),
      connectTimeoutMs: settings.connectTimeoutMs,
      reconnect: settings.reconnect,
      closeDuplex: settings.closeDuplex,
    },
  })
  return { inbox, talk, events, ticks, self, puts, calls, uplinks }
}

/** Refuses what is put to servers whose protocol has no items. */
function refusing({ name }: Protocol): () => never {
  return () => {
    throw unsupported(name, 'items')
  }
}

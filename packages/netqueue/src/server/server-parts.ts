import { Inbox } from '../delivery/inbox.ts'
import type { SharedByLinks } from '../delivery/link.ts'
import { SettleDeadlines } from '../delivery/settle-deadlines.ts'
import { Answerers } from '../dispatch/answerers.ts'
import { Backlog } from '../dispatch/backlog.ts'
import { Drain } from '../endpoint/drain.ts'
import type { EndpointInit } from '../endpoint/endpoint.ts'
import { RELAYING } from '../endpoint/relaying.ts'
import { Talk } from '../endpoint/talk.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { Emitter } from '../events/emitter.ts'
import type { Messages } from '../message/messages.ts'
import { SECRET_BYTES } from '../protocol/handshake.ts'
import type { Introduction } from '../protocol/handshake.ts'
import { unsupported } from '../protocol/supports.ts'
import { Ticks } from '../ticks/ticks.ts'
import { Addressing } from './addressing.ts'
import { Clientele } from './clientele.ts'
import { Gatekeeper } from './gatekeeper.ts'
import { Passing } from './passing.ts'
import { Permissions } from './permissions.ts'
import type { ConnectedClient, ServerClient } from './server-client.ts'
import { SERVER_EVENTS } from './server-options.ts'
import type { ServerEvents, ServerOptions } from './server-options.ts'
import type { ServerSettings } from './server-settings.ts'

/** What a server says of itself, to each client anew. */
export interface ServerSelf {
  readonly id: string
  status: unknown
}

/** What a server is made of. */
export interface ServerParts<Item, Result> extends EndpointInit<ServerEvents<Item>> {
  settings: ServerSettings<Item, Result>
  self: ServerSelf
  backlog: Backlog<Item, ServerClient>
  deadlines: SettleDeadlines
  permissions: Permissions
  clientele: Clientele<Item>
  addressing: Addressing
  passing: Passing
  drain: Drain
  warn: (error: NetQueueError, client?: ServerClient) => void
}

/** Puts a server together; nobody can connect yet. Throws for options of messages and of redelivery that no server can have. */
export function assembleServer<Item, Result, M extends Messages>(
  settings: ServerSettings<Item, Result>,
  options: ServerOptions<Item, Result, M>,
  { hasCertificates }: { hasCertificates: boolean },
): ServerParts<Item, Result> {
  const { env, limits, protocol, logger, id, tokens, authenticate, insecure } = settings
  const warn = (error: NetQueueError, client?: ServerClient): void => {
    logger.warn({ server: id, client: client?.id, code: error.code }, error.message)
    events.emit('warning', { error, ...(client !== undefined && { client }) })
  }
  const inbox = new Inbox({
    env,
    prefetch: settings.prefetch,
    maxBytes: limits.maxInboxBytes,
    countReaders: false,
    warn,
  })
  if (!protocol.supports.items) inbox.deny(unsupported(protocol.name, 'items'))
  const events = new Emitter<ServerEvents<Item>>(warn)
  const ticks = new Ticks(env)
  const talk = new Talk({
    env,
    options,
    limits,
    events: SERVER_EVENTS,
    protocol,
    warn: (error, from) => warn(error, from as ServerClient | undefined),
    worked: () => drain.check(),
    finder: options[RELAYING]?.finder,
  })
  const self: ServerSelf = { id, status: settings.status }
  const deadlines = new SettleDeadlines(env, options)
  const backlog = new Backlog<Item, ServerClient>({
    env,
    policy: settings.policy,
    redelivery: options,
    maxWaiting: limits.maxWaiting,
    buried: (item) => events.emit('deadLetter', { item }),
    warn,
  })
  const introduction = (): Introduction => ({
    ...self,
    tags: [],
    isRelay: options[RELAYING] !== undefined,
    item: settings.item.name,
    result: settings.result.name,
    messages: talk.own,
    nonce: env.randomBytes(16),
    secret: env.randomBytes(SECRET_BYTES),
    resumeMs: settings.resumeTimeoutMs,
  })
  const permissions = new Permissions({ authorize: settings.authorize, messages: talk.own.table, warn })
  protocol.check?.({ role: 'server', introduction, limits, denials: permissions.most })
  const { maxAuthFailures } = limits
  const gatekeeper = new Gatekeeper({ env, tokens, authenticate, hasCertificates, insecure, maxAuthFailures, warn })
  const link: SharedByLinks = {
    env,
    limits,
    inbox,
    codec: settings.result,
    resultCodec: settings.item,
    exposeErrors: settings.exposeErrors,
    retry: backlog.redelivery.retry,
    deadlines,
    keepsReceived: true,
    lastOrdinal: () => 0,
    oldestWaiting: () => Number.POSITIVE_INFINITY,
  }
  const answerers = new Answerers<ConnectedClient>({ env, ...talk.limits })
  const clientele: Clientele<Item> = new Clientele<Item>({
    protocol,
    introduction,
    status: () => self.status,
    gatekeeper,
    permissions,
    link,
    flushDelayMs: settings.flushDelayMs,
    talk,
    backlog,
    answerers,
    relaying: options[RELAYING],
    events,
    ready: settings.ready,
    logger,
    changed: () => drain.check(),
    warn,
  })
  const connected = (): Iterable<ConnectedClient> => clientele.connected
  const mayHear = (client: ConnectedClient, name: string): boolean => permissions.allows(client, 'subscribe', name)
  const addressing = new Addressing({
    env,
    connected,
    isOurs: (client) => clientele.has(client),
    answerers,
    headerFault: talk.headerFault,
    mayHear,
    lengthOf: (name, payload) => talk.lengthOf(name, payload),
    ...talk.limits,
  })
  const passing = new Passing(addressing, { connected, mayHear })
  const drain: Drain = new Drain(env, () => clientele.isDone)
  const endpoint = { inbox, talk, events, ticks }
  return { ...endpoint, settings, self, backlog, deadlines, permissions, clientele, addressing, passing, drain, warn }
}

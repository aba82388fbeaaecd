export { connect } from './client.ts'
export type { Client } from './client.ts'
export type {
  ClientEvents,
  ClientOptions,
  ClientRequestOptions,
  ClientSendOptions,
  Closed,
  CloseOptions,
} from './client/client-options.ts'
export type { OnDemandOptions } from './client/on-demand.ts'
export type { ClientServer } from './client/client-server.ts'
export type { ReconnectOptions } from './life/back-off.ts'
export type { AttemptState, ClientState, ClientStateChange } from './life/states.ts'
export { listen } from './server.ts'
export type { Server } from './server.ts'
export type {
  AuthApplicant,
  Authenticate,
  Authorize,
  BroadcastOptions,
  BroadcastOutcome,
  Principal,
  PutOptions,
  Recipient,
  ServerCloseOptions,
  ServerEvents,
  ServerOptions,
  ServerRequestOptions,
  ServerSendOptions,
  SubmitOptions,
  TokenOption,
  Undone,
} from './server/server-options.ts'
export { relay } from './relay.ts'
export type { Relay } from './relay.ts'
export { DROP } from './relay/stage.ts'
export type { Stage, StageContext } from './relay/stage.ts'
export type { RelayClosed, RelayCloseOptions, RelayEvents, RelayOptions } from './relay/relay-options.ts'
export { closeOnSignals } from './close-on-signals.ts'
export type { Closable, SignalOptions } from './close-on-signals.ts'
export type { HandlerOf, MessageStream } from './endpoint/endpoint.ts'
export type { HandleOptions, RequestContext } from './request/handlers.ts'
export { requestLimitDefaults } from './request/limits.ts'
export type { RequestLimits } from './request/limits.ts'
export type { SendOptions } from './request/posts.ts'
export type { Reply as Answer } from './request/reply.ts'
export type { RequestOptions } from './request/request-options.ts'
export type { ReceivedMessage, SubscribeOptions } from './request/subscription.ts'
export type { AcceptOptions } from './server/reception.ts'
export type { ServerClient } from './server/server-client.ts'
export type { TreeNode } from './server/tree-node.ts'
export type { MapOptions, MapOutcome } from './endpoint/map.ts'
export type { Consumer } from './delivery/consumer.ts'
export type { Delivery, Sender } from './delivery/delivery.ts'
export type { DeadLetter, DeadLetters } from './delivery/dead-letters.ts'
export type { Attempt } from './delivery/entry.ts'
export type { LoopOptions } from './delivery/loop.ts'
export type { Handler, ProcessOptions } from './delivery/process.ts'
export type { RedeliveryOptions } from './delivery/redelivery.ts'
export type { SettleOptions } from './delivery/settle-deadlines.ts'
export { hashBy, leastBusy, prefer, roundRobin } from './dispatch/policies.ts'
export type { ChooseDispatch, DispatchContext, DispatchPolicy } from './dispatch/policies.ts'
export type { EventStream, EventStreamOptions } from './events/event-stream.ts'
export { manualTicks } from './ticks/manual-ticks.ts'
export type { ManualTicks } from './ticks/manual-ticks.ts'
export type { Tick, TickOptions } from './ticks/tick-loop.ts'
export { bytes, json, msgpack, text } from './message/codec.ts'
export type { Codec, Shape, ValueLimits } from './message/codec.ts'
export { type } from './message/definition.ts'
export type { MessageDefinition, MessageDefinitions, MessageEntry, MessagePart } from './message/definition.ts'
export type { Headers } from './message/headers.ts'
export { defineMessages } from './message/messages.ts'
export type {
  Body,
  BodyInput,
  MessageName,
  Messages,
  Payload,
  PayloadInput,
  Reply,
  ReplyInput,
  RequestName,
} from './message/messages.ts'
export type { Action } from './message/denials.ts'
export type { MessageIds, MessagesOptions } from './message/registry.ts'
export { Queue } from './queue/queue.ts'
export type { WaitOptions } from './queue/pending.ts'
export { NetQueueError, RemoteError } from './errors/errors.ts'
export type { ErrorCode } from './errors/errors.ts'
export { limitDefaults } from './options/limits.ts'
export type { MemoryBound, MemoryPart, MemoryTerm } from './server/memory-bound.ts'
export type { Limits } from './options/limits.ts'
export type { Logger } from './options/logger.ts'
export { fromStreams, memory, memoryPair, stdio, tcp, tls, unix } from '#transport'
export type {
  ByteDuplex,
  Bytes,
  DialOptions,
  ListenerOptions,
  ListenOptions,
  Lookup,
  StreamPair,
  Security,
  TcpOptions,
  TlsOptions,
  TlsTransportOptions,
  Transport,
} from './transport/index.ts'

// Symbols above are for users; those below are for other libraries and for tests.
export type { Env, Timer, TimerOptions } from './env/env.ts'
export type { Listener } from './transport/index.ts'

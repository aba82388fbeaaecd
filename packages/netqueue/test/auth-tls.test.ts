import { connect as dial } from 'node:tls'

import { afterEach, describe, expect, test } from 'vitest'

import { connect, listen } from '../src/index.ts'
import type { Client, ClientOptions, NetQueueError, Principal, Server, ServerOptions } from '../src/index.ts'
import { Authority } from './support/certificates.ts'
import { until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

const authority = await Authority.found()
const own = await authority.issue()
const worker = await authority.issue({ name: 'worker-1', hosts: ['worker-1'] })
const { ca } = authority
const mutual = { ...own, ca, requestCert: true }
const TOKEN = 'a token that nobody else knows'
/** An address that other machines reach: nothing says `insecure`. */
const EVERYWHERE = 'tls://0.0.0.0:0'

const open: (Server<string, string> | Client<string, string>)[] = []

afterEach(async () => {
  for (const node of open.splice(0).toReversed()) await node.close({ timeout: 0 })
})

async function serve(options: ServerOptions<string, string>): Promise<Server<string, string>> {
  const server = await listen<string, string>(EVERYWHERE, { tls: own, ...options })
  open.push(server)
  return server
}

async function join(
  { address = '' }: Server<string, string>,
  options: ClientOptions<string, string>,
): Promise<Client<string, string>> {
  const client = await connect<string, string>(address.replace('0.0.0.0', '127.0.0.1'), { tls: { ca }, ...options })
  open.push(client)
  return client
}

describe('P10: over TLS', () => {
  test('a token or credentials are enough to listen where other machines reach it, and come in', async () => {
    const byToken = await serve({ token: TOKEN })
    await join(byToken, { token: TOKEN })
    const byHook = await serve({ authenticate: ({ credentials }) => credentials })
    await join(byHook, { credentials: 'ada' })
    await until(() => byToken.clients.length + byHook.clients.length === 2)
    expect(byHook.clients[0]?.identity).toBe('ada')
  })

  test('a certificate that is demanded is enough, too, and is who the client is: authorize sees it', async () => {
    const seen = new Set<unknown>()
    const nameOf = ({ identity }: Principal): string => (identity as { subject: { CN: string } }).subject.CN
    const authorize: ServerOptions<string, string>['authorize'] = (client, action) =>
      seen.add(nameOf(client)).size > 0 && action !== 'put'
    const server = await serve({ tls: mutual, authorize })
    const client = await join(server, { tls: { ...worker, ca } })
    expect([...seen]).toEqual(['worker-1'])
    expect(await failureOf(client.put('x'))).toMatchObject({ code: 'NOT_AUTHORIZED' })
  })

  test('one that is not demanded of anybody is not', async () => {
    expect(await failureOf(listen(EVERYWHERE, { tls: own }))).toMatchObject({ code: 'INSECURE_LISTEN' })
    const lax = { ...mutual, rejectUnauthorized: false }
    expect(await failureOf(listen(EVERYWHERE, { tls: lax }))).toMatchObject({ code: 'INSECURE_LISTEN' })
  })

  test('where certificates are demanded, an original with a good one is sent away: AUTH_REQUIRED', async () => {
    const server = await serve({ tls: mutual })
    const warnings: NetQueueError[] = []
    server.on('warning', ({ error }) => warnings.push(error))
    const port = Number(server.address?.split(':').at(-1))
    const socket = dial({ ...worker, ca, port, host: '127.0.0.1', ALPNProtocols: ['netqueue/1'] })
    socket.write(Buffer.from('000000020001', 'hex'))
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString('hex')).toBe('000000020002')
    expect(warnings.map(({ code }) => code)).toEqual(['AUTH_REQUIRED'])
  })

  test('a token is wanted beside a certificate, where both are set', async () => {
    const server = await serve({ tls: mutual, token: TOKEN })
    const certified = { tls: { ...worker, ca } }
    expect(await failureOf(join(server, certified))).toMatchObject({ code: 'AUTH_REQUIRED', limit: 'token' })
    expect(await failureOf(join(server, { ...certified, token: `${TOKEN}?` }))).toMatchObject({ code: 'AUTH_FAILED' })
    const client = await join(server, { ...certified, token: TOKEN })
    expect(client.state).toBe('connected')
  })
})

import type { ListenOptions, Transport } from './transport.ts'

/** The error for an address of the wrong form; `forms` are the right ones. */
export function badAddress(address: unknown, forms: readonly string[]): TypeError {
  const shown = typeof address === 'string' ? JSON.stringify(address) : `${String(address)} (${typeof address})`
  const isMissing = /^"wss?:/.test(shown) && !forms.some((form) => form.startsWith('ws'))
  const hint = isMissing ? ': WebSocket comes with `transports: [websocket()]` of netqueue/websocket' : ''
  return new TypeError(
    `Expected \`address\` to look like ${forms.map((form) => `\`${form}\``).join(' or ')}, got ${shown}${hint}`,
  )
}

/**
 * The first transport that reads addresses of this form; throws a `TypeError` that shows the forms where there is none, and for options of
 * TLS where it has no use for them: nothing would be encrypted.
 */
export function chooseTransport(
  address: string,
  transports: readonly Transport[],
  { tls }: ListenOptions = {},
): Transport {
  const transport = typeof address === 'string' ? transports.find((each) => each.accepts(address)) : undefined
  if (transport === undefined)
    throw badAddress(
      address,
      transports.map((each) => each.form),
    )
  if (tls !== undefined && transport.isSecure !== true)
    throw new TypeError(
      `Expected \`address\` to be reached by TLS, for there is \`tls\`, got ${JSON.stringify(address)}`,
    )
  return transport
}

/** A host and a port as they stand in a `tcp:` address. */
export interface HostPort {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. Empty means every interface. */
  host: string
  port: number
}

/** `127.0.0.1:7000`, `[::1]:7000`, `example.org:7000`, `:7000`; `undefined` for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const parts = /^(?:\[([\w.%]*:[\w.:%]*)\]|([^\s:/?#@[\]]*)):(\d{1,5})$/.exec(text)
  if (parts === null) return undefined
  const [, bracketed, plain = '', digits] = parts
  const port = Number(digits)
  return port > 65_535 ? undefined : { host: bracketed ?? plain, port }
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

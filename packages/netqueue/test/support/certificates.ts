import { generate } from 'selfsigned'

/** What one side of a TLS connection shows, in PEM. */
export interface Identity {
  cert: string
  key: string
}

export interface IssueOptions {
  /** Names and IP addresses that it is for. @default those of this machine */
  hosts?: readonly string[]
  name?: string
  /** It was good until yesterday. @default false */
  isExpired?: boolean
}

const DAY_MS = 86_400_000
const SELF = ['localhost', '127.0.0.1', '::1']
const isIp = (host: string): boolean => /^[\d.]+$|:/.test(host)

/** An authority that lives as long as a test, and whoever it vouches for. */
export class Authority {
  /** Its own certificate: the `ca` of those who believe it. */
  readonly ca: string
  readonly key: string

  private constructor({ cert, key }: Identity) {
    this.ca = cert
    this.key = key
  }

  static async found(name = 'An authority of tests'): Promise<Authority> {
    return new Authority(
      await make(name, {
        extensions: [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
        ],
      }),
    )
  }

  /** Somebody for whom nobody vouches. */
  static selfSigned(): Promise<Identity> {
    return make('localhost', { extensions: extensionsFor(SELF) })
  }

  async issue({ hosts = SELF, name = hosts[0] ?? 'nobody', isExpired = false }: IssueOptions = {}): Promise<Identity> {
    const now = Date.now()
    return make(name, {
      ca: { cert: this.ca, key: this.key },
      notBeforeDate: new Date(now - 2 * DAY_MS),
      notAfterDate: new Date(isExpired ? now - DAY_MS : now + DAY_MS),
      extensions: extensionsFor(hosts),
    })
  }
}

type Options = NonNullable<Parameters<typeof generate>[1]>

function extensionsFor(hosts: readonly string[]): NonNullable<Options['extensions']> {
  const altNames = hosts.map((host) =>
    isIp(host) ? { type: 7 as const, ip: host } : { type: 2 as const, value: host },
  )
  return [
    { name: 'basicConstraints', cA: false },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    { name: 'subjectAltName', altNames },
  ]
}

async function make(name: string, options: Options): Promise<Identity> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  })
  return { cert: made.cert, key: made.private }
}

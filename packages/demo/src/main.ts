import { writeFile } from 'node:fs/promises'
import { closeOnSignals, listen } from 'netqueue'
import type { Server } from 'netqueue'
import { hashAlone } from './alone.ts'
import { Crew, RELAYS } from './crew.ts'
import type { Casualty } from './crew.ts'
import { listFiles } from './files.ts'
import { codecs, CONCURRENCY } from './job.ts'
import type { Answer } from './job.ts'
import { Manifest } from './manifest.ts'
import { help, readOptions, UsageError } from './options.ts'
import type { Options } from './options.ts'
import { Progress } from './progress.ts'
import { casualtyText, failures, listingText, outcomeText } from './report.ts'
import { workersTable } from './table.ts'
import { Tally } from './tally.ts'
import { judge } from './verdict.ts'

/** Hashes every file twice, with workers and alone, and compares. Resolves to the exit code. */
async function main(options: Options): Promise<number> {
  const { directory, workers } = options
  const startedMs = Date.now()
  console.log(`SHA-256 of every file below ${directory}`)
  const listing = await listFiles(directory)
  console.log(listingText(listing))
  if (listing.files.length === 0) {
    console.log('ok: there is nothing to hash')
    return 0
  }
  const { manifest, casualty, redelivered, seconds } = await hashWithWorkers(listing.files, options)
  const { expected, aloneSeconds } = await hashHere(listing.files, directory)
  const verdict = await judge({ directory, manifest, expected, startedMs })
  const outcome = { manifest, verdict, listing, workers, redelivered, seconds, aloneSeconds }
  console.log(outcomeText(outcome))
  if (options.manifest !== undefined) await writeFile(options.manifest, manifest.toString())

  const failed = failures(outcome, casualty)
  console.log(failed.length === 0 ? '\nok: every file once, as one process has them' : `\nfailed: ${failed.join('; ')}`)
  return failed.length === 0 ? 0 : 1
}

interface Work {
  manifest: Manifest
  casualty: Casualty | undefined
  redelivered: number
  seconds: number
}

/** How long workers may take for the files at hand when somebody interrupts. */
const STOP_MS = 1_000

/** A signal has closed the server. */
class Interruption extends Error {}

async function hashWithWorkers(files: readonly string[], options: Options): Promise<Work> {
  const server = await listen('tcp://127.0.0.1:0', codecs)
  closeOnSignals(server, { timeout: STOP_MS })
  const { workers: size, directory, tree } = options
  const crew = await Crew.start({ server, size, directory, tree })
  try {
    return await handOut(files, options, { server, crew })
  } catch (error) {
    if (server.state === 'listening') throw error
    await server.closed
    await crew.gone()
    throw new Interruption()
  }
}

interface Staff {
  server: Server<string, Answer>
  crew: Crew<string, Answer>
}

/** The job: a server hands out paths, whoever is free hashes, and one worker, or a relay, dies in the middle of it. */
async function handOut(files: readonly string[], options: Options, { server, crew }: Staff): Promise<Work> {
  const { workers, kill, tree } = options
  await crew.ready()
  const between = tree ? `${RELAYS} relays, and behind them ` : ''
  console.log(`${server.address} has ${between}${workers} workers, each with ${CONCURRENCY} files at once\n`)

  const manifest = new Manifest()
  const tally = new Tally()
  const progress = new Progress('hashing ', files.length)
  const hash = async (): Promise<void> => {
    for await (const answer of server.map(files, { ordered: false, signal: crew.lost })) {
      manifest.add(answer.path, answer.digest)
      tally.add(answer)
      progress.add(answer.digest)
    }
  }
  const killOne = async (): Promise<Casualty> => {
    // Files so few that all could be done before somebody dies: then it happens before the first one.
    await tally.reaches(files.length > 2 * workers * CONCURRENCY ? Math.floor(files.length / 2) : 0)
    const casualty = await crew.killOneThatHoldsItems()
    progress.say(casualtyText(casualty))
    return casualty
  }
  const [casualty] = await Promise.all([kill ? killOne() : undefined, hash()]).finally(() => progress.stop())
  const { seconds, redelivered } = tally
  console.log(`\n${workersTable(crew.members, tally, casualty)}\n`)

  await server.close()
  await crew.gone()
  return { manifest, casualty, redelivered, seconds }
}

async function hashHere(
  files: readonly string[],
  directory: string,
): Promise<{ expected: Manifest; aloneSeconds: number }> {
  const expected = new Manifest()
  const start = performance.now()
  const progress = new Progress('checking', files.length)
  await hashAlone(directory, files, (path, digest) => {
    expected.add(path, digest)
    progress.add(digest)
  })
  const aloneSeconds = (performance.now() - start) / 1000
  progress.stop()
  console.log()
  return { expected, aloneSeconds }
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') console.log(help)
  else process.exit(await main(options))
} catch (error) {
  if (error instanceof Interruption) {
    console.error('\ninterrupted')
    process.exit(130)
  }
  const { message } = error as Error
  if (error instanceof UsageError) console.error(`netqueue demo: ${message}\nSee npm start -- --help`)
  else console.error(`\nfailed: ${message}`)
  process.exit(error instanceof UsageError ? 2 : 1)
}

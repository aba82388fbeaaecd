import type { Casualty } from './crew.ts'
import type { Listing } from './files.ts'
import type { Manifest } from './manifest.ts'
import { countText, megabytesText, namesText, plural } from './units.ts'
import type { Verdict } from './verdict.ts'

/** A finished run. */
export interface Outcome {
  manifest: Manifest
  verdict: Verdict
  listing: Listing
  workers: number
  redelivered: number
  /** How long the workers took. */
  seconds: number
  /** How long one process took. */
  aloneSeconds: number
}

export function listingText({ files, directories, skipped, unreadable }: Listing): string {
  const parts = [`${plural(files.length, 'file')} in ${plural(directories, 'directory', 'directories')}`]
  if (skipped > 0) parts.push(`${plural(skipped, 'link or special file', 'links and special files')} left out`)
  if (unreadable.length > 0) parts.push(`${countText(unreadable.length)} unreadable`)
  return parts.join(', ')
}

export function casualtyText({ name, pid, held }: Casualty): string {
  return `killed    ${name} (pid ${pid}) by SIGKILL; it held ${plural(held, 'file')}, now with others`
}

/** Lines of a label and a fact; those about what seldom happens only where it did. */
export function outcomeText(outcome: Outcome): string {
  const { manifest, verdict, listing, workers, redelivered, seconds, aloneSeconds } = outcome
  const { missing, repeated, wrong, changed } = verdict
  const { size, bytes, unreadable } = manifest
  const speed = `${countText(Math.round(size / seconds))} files/s, ${megabytesText(bytes / seconds)} MB/s`
  const facts: [string, string][] = [
    ['total', `${plural(size, 'file')}, ${megabytesText(bytes)} MB`],
    [plural(workers, 'worker'), `${seconds.toFixed(2)} s (${speed})`],
    ['1 process', `${aloneSeconds.toFixed(2)} s, for comparison; it came second, when the files were cached`],
    [
      'manifest',
      `${missing.length} missing, ${repeated.length} repeated, ${wrong.length} wrong, ${redelivered} redelivered`,
    ],
  ]
  for (const [label, paths] of Object.entries({ missing, repeated, wrong, changed })) {
    if (paths.length > 0) facts.push([label, namesText(paths)])
  }
  const unread = [...listing.unreadable, ...unreadable].map(({ path, error }) => `${path} (${error})`)
  if (unread.length > 0) facts.push(['unreadable', `${countText(unread.length)}: ${namesText(unread)}`])
  return facts.map(([label, fact]) => `${label.padEnd(12)}${fact}`).join('\n')
}

/** What of the promise did not hold; empty when all is well. */
export function failures({ verdict, redelivered }: Outcome, casualty: Casualty | undefined): string[] {
  const { missing, repeated, wrong } = verdict
  const failed = [
    missing.length > 0 ? plural(missing.length, 'file is missing', 'files are missing') : '',
    repeated.length > 0 ? plural(repeated.length, 'file was answered twice', 'files were answered twice') : '',
    wrong.length > 0 ? plural(wrong.length, 'file has another hash', 'files have another hash') : '',
    casualty !== undefined && redelivered === 0 ? `nothing was redelivered although ${casualty.name} was killed` : '',
  ]
  return failed.filter((text) => text !== '')
}

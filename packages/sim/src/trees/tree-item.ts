import type { NodeLife } from './node-life.ts'

/** What the simulator knows of one item that the root or a leaf has put. */
export class TreeItem {
  readonly key: string
  readonly text: string
  readonly owner: NodeLife
  /** What became of the call that put it. */
  call: 'waiting' | 'resolved' | 'failed' = 'waiting'
  /** The caller was told that it is certainly not delivered. */
  isWithdrawn = false
  /** It failed for good, by its sender's account. */
  isDead = false
  /** How its sender heard that it ended. */
  ending: 'done' | 'failed' | 'reject' | undefined
  /** How often somebody has worked it off, refused it for good, or failed at it. */
  readonly outcomes: Record<'done' | 'failed' | 'reject', number> = { done: 0, failed: 0, reject: 0 }
  /** The one leaf that it is for, where it is for one. */
  to: string | undefined
  timesHanded = 0
  /** Whoever worked it off gave a result. */
  hasResult = false
  /** Somebody took it, and gave it back. */
  wasReturned = false
  /** Whoever had it, and had not given it on yet, when whoever it came from was lost to them: since when. */
  readonly leftWith: Map<NodeLife, number> = new Map()
  /** Somebody who had received it said goodbye: those below take it as done, and it may not have come to the root. */
  isKeptAbove = false
  /** Puts that the one who worked it off made before. */
  answers: TreeItem[] = []
  /** Whoever was given it on its way to the root, and did not give it back. */
  readonly seenBy: Set<NodeLife> = new Set()

  constructor(key: string, text: string, owner: NodeLife) {
    this.key = key
    this.text = text
    this.owner = owner
  }
}

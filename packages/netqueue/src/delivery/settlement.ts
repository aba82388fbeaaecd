import type { Outcome } from '../protocol/message.ts'

/** How a peer ended the delivery of an entry. */
export type Settlement =
  | { type: 'settle'; outcome: Outcome }
  | { type: 'result'; value: Uint8Array | undefined }
  | { type: 'failed' | 'reject'; code: string; reason: string }
  /** It did not, in the time that it had for it. */
  | { type: 'overdue' }

/** One for each outcome, as most settles say nothing but that. */
export const SETTLED: Readonly<Record<Outcome, Settlement>> = {
  done: { type: 'settle', outcome: 'done' },
  released: { type: 'settle', outcome: 'released' },
  returned: { type: 'settle', outcome: 'returned' },
  cancelled: { type: 'settle', outcome: 'cancelled' },
}

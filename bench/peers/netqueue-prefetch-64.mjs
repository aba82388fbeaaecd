// @ts-check
import { withPrefetch } from './netqueue/fixed.mjs'

export const peer = withPrefetch(64)

export * from '../../../packages/netqueue/dist/index.js'

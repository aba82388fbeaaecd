// The library as it is published: in one bundle.
export * from '../../../packages/netqueue/dist/bundle/node/index.js'

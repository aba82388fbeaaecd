// Sums up the results that the tests left in a file: `12 passed, 0 failed`. Says nothing where the counts are not the
// whole truth: the tests never ran, or failed by something outside them.

import { readFileSync } from 'node:fs'

const [file, outcome] = process.argv.slice(2)
const text = readFileSync(file, 'utf8')
if (text !== '') {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(text)
  const brokenFiles = testResults.filter((result) => result.status === 'failed' && !hasFailure(result))
  const failed = numFailedTests + brokenFiles.length
  if (failed > 0 || outcome === 'passed') console.log(`${numPassedTests} passed, ${failed} failed`)
}

function hasFailure({ assertionResults }) {
  return assertionResults.some(({ status }) => status === 'failed')
}

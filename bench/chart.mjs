// @ts-check
// A chart as SVG text: one bar for each peer.

import { install } from './install.mjs'
import { rate } from './workloads/common/cells.mjs'

/** @import { Peer } from './peers/peer.d.ts' */

/** @typedef {{ name: string, value: number, kind: NonNullable<Peer['kind']> }} Bar */

const WIDTH = 760
const BAR_HEIGHT = 24
/** For the title above the bars, and the axis below. */
const FRAME = { top: 44, bottom: 36, right: 84 }
/** For the names at the left: of a letter, about, and beside them. */
const [LETTER_WIDTH, BESIDE_NAMES] = [6.6, 20]
/** Beyond such a ratio of the longest bar to the shortest, the short ones could not be told apart. */
const MAX_LINEAR = 30
// Not quoted: echarts does not escape quotes in SVG.
const FONT = 'system-ui, sans-serif'
const COLOURS = { ours: '#1f6feb', limit: '#c4cad1', variant: '#9aa4b0', peer: '#6b7684' }

/**
 * The best bar is on top.
 * @param {{ title: string, best: 'most' | 'least', bars: readonly Bar[] }} options
 * @returns {Promise<string>}
 */
export async function chart({ title, best, bars }) {
  const failure = await install(['echarts'])
  if (failure !== undefined) throw new Error(`There is nothing to draw with: ${failure}`)
  const echarts = await import('echarts')
  // The axis goes upwards.
  const sign = best === 'most' ? 1 : -1
  const sorted = bars.filter(({ value }) => value > 0).toSorted((one, other) => sign * (one.value - other.value))
  const values = sorted.map(({ value }) => value)
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const isLogarithmic = most / least > MAX_LINEAR
  const left = Math.ceil(Math.max(...sorted.map(({ name }) => name.length)) * LETTER_WIDTH) + BESIDE_NAMES
  const height = FRAME.top + FRAME.bottom + BAR_HEIGHT * sorted.length
  const drawing = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  drawing.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT, color: '#24292f' },
    title: {
      text: [title, best === 'least' ? 'less is better' : '', isLogarithmic ? 'logarithmic' : '']
        .filter(Boolean)
        .join(', '),
      left,
      top: 10,
      textStyle: { fontSize: 14, fontFamily: FONT, color: '#24292f' },
    },
    grid: { ...FRAME, left },
    xAxis: {
      type: isLogarithmic ? 'log' : 'value',
      min: isLogarithmic ? 10 ** Math.floor(Math.log10(least) - 0.3) : 0,
      axisLabel: {
        formatter: shortRate,
        color: '#57606a',
      },
      splitLine: { lineStyle: { color: '#e6e9ed' } },
    },
    yAxis: {
      type: 'category',
      data: sorted.map(({ name }) => name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: '#8c959f' } },
      axisLabel: { interval: 0, color: '#24292f' },
    },
    series: [
      {
        type: 'bar',
        silent: true,
        barWidth: '68%',
        data: sorted.map(({ value, kind }) => ({ value, itemStyle: { color: COLOURS[kind] } })),
        label: {
          show: true,
          position: 'right',
          color: '#24292f',
          formatter: (/** @type {{ value: unknown }} */ { value }) => rate(Number(value)),
        },
      },
    ],
  })
  const svg = drawing.renderToSVGString()
  drawing.dispose()
  return `${svg}\n`
}

/** Of the round numbers of an axis. @param {number} value */
function shortRate(value) {
  if (value >= 1e9) return `${value / 1e9} G`
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : String(value)
}

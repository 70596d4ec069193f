import { CustomChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, VisualMapComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { type Axis, type Chart, type Curves, colourOf, type Series, type Surface, thinned } from './chart.js';

use([LineChart, ScatterChart, HeatmapChart, CustomChart, GridComponent, VisualMapComponent, SVGRenderer]);

/** Units of the drawing; a page scales it to its width. */
const size = { width: 480, height: 300 };

/**
 * A chart as an SVG element, drawn by ECharts without a browser. Text and axes take the colour of the text around them, so
 * that one drawing suits light and dark pages. The same chart and `id` give the same bytes.
 *
 * @param id unique on its page: letters, digits, hyphens
 */
export function renderSvg(chart: Chart, id: string): string {
  const instance = init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    instance.setOption(chart.kind === 'curves' ? curves(chart) : surface(chart));
    return embedded(instance.renderToSVGString(), chart, id);
  } finally {
    instance.dispose();
  }
}

/** Without what a page of many drawings has no use for: style sheets, marks for scripts, a fixed size. */
function embedded(svg: string, { kind, title }: Chart, id: string): string {
  // Cells of a surface must leave no seams between them.
  const edges = kind === 'surface' ? ' shape-rendering="crispEdges"' : '';
  return svg
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/ (ecmeta_\w+|class|pointer-events|xmlns:xlink|baseProfile|version)="[^"]*"/g, '')
    .replace(/\bzr\d+-/g, `${id}-`)
    .replace(
      /^<svg [^>]*>/,
      `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeXml(title)}"${edges}>`,
    )
    .replace(/\n+/g, '\n')
    .trim();
}

export function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}

const ink = 'currentColor';
const textStyle = { color: ink, fontSize: 13 };
/** Labels and names of the axes lie inside these edges. */
const grid = { left: 4, right: 14, top: 10, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'all' };
/** Room for the scale of colours. */
const scaleWidth = 74;

function axis({ name, log = false, whole = false, min, max }: Axis, place: 'x' | 'y'): object {
  return {
    type: log ? 'log' : 'value',
    scale: true,
    name,
    nameLocation: 'middle',
    nameGap: place === 'x' ? 26 : 44,
    nameTextStyle: textStyle,
    axisLabel: { ...textStyle, formatter: tick, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: ink, opacity: 0.5 } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: ink, opacity: 0.12 } },
    ...(whole ? { minInterval: 1 } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

/** Short and exact: 100000 as 100k. */
function tick(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e9) return value.toExponential(0);
  if (magnitude >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (magnitude >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  if (magnitude > 0 && magnitude < 1e-3) return value.toExponential(0);
  return String(Number(value.toPrecision(6)));
}

function curves({ x, y, series }: Curves): EChartsCoreOption {
  return {
    animation: false,
    textStyle,
    grid,
    xAxis: axis(x, 'x'),
    yAxis: axis(y, 'y'),
    series: series.flatMap((each) => [curve(each, y), ...bars(each)]),
  };
}

function curve(series: Series, y: Axis): object {
  const data = thinned(
    series.points.filter(([px, py]) => Number.isFinite(px) && Number.isFinite(py) && !(y.log && py <= 0)),
  );
  const colour = colourOf(series.colour);
  if (series.scatter)
    return { type: 'scatter', name: series.name, data, symbolSize: 7, itemStyle: { color: colour }, silent: true };
  return {
    type: 'line',
    name: series.name,
    data,
    showSymbol: data.length === 1,
    symbol: 'circle',
    symbolSize: 6,
    silent: true,
    itemStyle: { color: colour },
    lineStyle: { color: colour, width: 1.8, type: series.dashed ? [5, 4] : 'solid' },
  };
}

interface Drawing {
  value(dimension: number): number;
  coord(point: readonly number[]): number[];
}

/** Bars of one standard deviation to each side. */
function bars({ name, points, spreads, colour }: Series): readonly object[] {
  const data = points.flatMap(([x, y], i) => {
    const spread = spreads?.[i];
    return typeof spread === 'number' && spread > 0 ? [[x, y - spread, y + spread]] : [];
  });
  if (data.length === 0) return [];
  const renderItem = (_: unknown, api: Drawing) => {
    const [low, high] = [1, 2].map((end) => api.coord([api.value(0), api.value(end)]));
    const style = { stroke: colourOf(colour), lineWidth: 1.5 };
    return { type: 'line', shape: { x1: low![0], y1: low![1], x2: high![0], y2: high![1] }, style };
  };
  return [{ type: 'custom', name, data, silent: true, clip: true, renderItem }];
}

function surface({ x, y, xs, ys, values }: Surface): EChartsCoreOption {
  const data = values.flatMap((row, j) => row.map((value, i) => [i, j, value]));
  const heights = data.map(([, , value]) => value!);
  const [lowest, highest] = [Math.min, Math.max].map((end) => heights.reduce((a, b) => end(a, b))) as [number, number];
  const category = (given: Axis, at: readonly number[], place: 'x' | 'y') => ({
    ...axis(given, place),
    type: 'category',
    data: at.map((value) => String(Number(value.toPrecision(3)))),
    splitLine: { show: false },
    axisLabel: { ...textStyle, interval: Math.max(0, Math.ceil((at.length - 1) / 6) - 1) },
  });
  return {
    animation: false,
    textStyle,
    grid: { ...grid, right: scaleWidth },
    xAxis: category(x, xs, 'x'),
    yAxis: category(y, ys, 'y'),
    visualMap: {
      min: lowest,
      max: highest,
      text: [tick(Number(highest.toPrecision(2))), tick(Number(lowest.toPrecision(2)))],
      precision: 2,
      right: 4,
      top: 'center',
      textStyle,
      inRange: { color: ['#1e3a8a', '#14b8a6', '#facc15', '#ef4444'] },
    },
    series: [{ type: 'heatmap', data, silent: true }],
  };
}

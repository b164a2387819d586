// Lays the panels of a figure out in more rows where a row of them is too narrow to read, on a phone say.
// A figure says nothing of it: its panels are where its axes and polar plots lie. Panels that touch, as a density and
// its marginals do, stay together; rows with the same columns, as those of a grid, are divided alike.

const LEAST = 118 // pixels that a panel is wide
const LEAST_POLAR = 180 // the labels of its angles lie around it, and take a line above it
const TALLEST = 1.2 // height over width of a panel that is square, or in more rows than it had
const BESIDE = 40 // pixels for the tick labels of a panel beside another
const TITLE = 42 // pixels of a line of titles, and the room above it
const LINE = 1.3 // height of a line over that of its type
const TOUCHING = 0.001

// The layout of a figure for so many pixels. Its height is then that of all rows.
function laidOut({ data, layout }, width, height) {
  const { l, r, t, b } = layout.margin
  const inner = { width: width - l - r, height: height - t - b }
  const blocks = blocksOf(panelsOf(data, layout)).map((block) => divided(block, layout, inner))
  if (blocks.length === 0) return { ...layout, width, height }
  const annotations = (layout.annotations ?? []).map((one) => atHome(one, layout, blocks))
  const line = LINE * layout.font.size
  let depth = (1 - blocks[0].top) * inner.height
  blocks.forEach((block, number) => {
    if (number > 0) depth += (blocks[number - 1].bottom - block.top) * inner.height
    const titles = annotations.filter((one) => one.block === block && isTitle(one))
    const least = block.polar && block.rows > 1 ? 1 : 0 // the labels of its angles
    block.from = depth
    block.extra = Math.max(least, ...titles.map(({ added }) => added)) * line
    block.pitch = block.depth + b + TITLE + Math.max(least, ...titles.map(({ lines }) => lines - 1)) * line
    depth += block.pitch * (block.rows - 1) + block.depth
  })
  depth += blocks.at(-1).bottom * inner.height
  const extra = blocks[0].extra
  const place = placing(blocks, inner, depth)
  return {
    ...layout,
    ...movedAxes(layout, blocks, place),
    annotations: annotations.flatMap((one) => moved(one, place)),
    legend: { ...layout.legend, y: besides(layout.legend?.y ?? 1, inner.height, depth) + extra / depth },
    margin: { ...layout.margin, t: t + extra },
    width,
    height: depth + t + b + extra,
  }
}

// A place above or under the panels, as far from them in pixels when they are of another height.
function besides(y, height, depth) {
  const above = Math.max(0, y - 1)
  const under = Math.min(0, y)
  return Math.min(1, Math.max(0, y)) + (above + under) * (height / depth)
}

// Where the panels are: their parts of width and height, and their axes. One that has no data yet has a place too.
function panelsOf(data, layout) {
  const found = new Map()
  for (const trace of data) {
    if (trace.type === "scatterpolar") {
      const { x = [0, 1], y = [0, 1] } = layout[trace.subplot]?.domain ?? {}
      found.set(trace.subplot, { x, y, polar: trace.subplot })
    } else {
      const [x, y] = [trace.xaxis ?? "x", trace.yaxis ?? "y"].map((name) => name.replace(/^[xy]/, "$&axis"))
      found.set(x + y, { x: layout[x]?.domain ?? [0, 1], y: layout[y]?.domain ?? [0, 1], axes: [x, y] })
    }
  }
  for (const [name, { domain, anchor }] of Object.entries(layout)) {
    const isEmpty = name.startsWith("xaxis") && domain && ![...found.keys()].some((key) => key.startsWith(name + "yaxis"))
    const y = isEmpty && (anchor ?? name.replace("xaxis", "y")).replace("y", "yaxis")
    if (isEmpty) found.set(name + y, { x: domain, y: layout[y]?.domain ?? [0, 1], axes: [name, y] })
  }
  return [...found.values()]
}

// Rows of panels with the same columns, from the top, as one block.
function blocksOf(panels) {
  const bands = joined(panels, "y").reverse().map((band) => ({ ...band, columns: joined(band.panels, "x") }))
  const blocks = []
  for (const band of bands) {
    const last = blocks.at(-1)
    if (last && alike(last.columns, band.columns)) {
      last.bands.push(band)
      last.bottom = band.from
    } else {
      blocks.push({ bands: [band], columns: band.columns, top: band.to, bottom: band.from })
    }
  }
  return blocks
}

// Panels whose parts of one side touch or overlap, together.
function joined(panels, side) {
  const groups = []
  for (const panel of [...panels].sort((a, b) => a[side][0] - b[side][0])) {
    const [from, to] = panel[side]
    const last = groups.at(-1)
    if (last && from <= last.to + TOUCHING) {
      last.to = Math.max(last.to, to)
      last.panels.push(panel)
    } else {
      groups.push({ from, to, panels: [panel] })
    }
  }
  return groups
}

function alike(columns, others) {
  const same = (column, i) => Math.abs(column.from - others[i].from) + Math.abs(column.to - others[i].to) < 0.01
  return columns.length === others.length && columns.every(same)
}

// In how many rows a block is laid, and in pixels the width of a column and the height of each band and of a row.
// A last row of fewer panels fills the width, unless their axes are as long as others.
function divided(block, layout, inner) {
  const { bands, columns } = block
  const count = columns.length
  const polar = columns.some(({ panels }) => panels.some((panel) => panel.polar))
  const least = polar ? LEAST_POLAR : LEAST
  const ticks = columns.slice(1).some(({ panels }) => panels.some((panel) => hasTicks(layout[panel.axes?.[1]])))
  const gap = polar ? 2 * BESIDE : ticks ? BESIDE : 10
  const left = columns[0].from
  const room = (columns.at(-1).to - left) * inner.width
  const fits = Math.min(...columns.map(({ from, to }) => (to - from) * inner.width)) >= least
  const most = Math.max(1, Math.floor((room + gap) / (least + gap)))
  const rows = fits || count === 1 ? 1 : Math.max(2, Math.ceil(count / most))
  const across = Math.ceil(count / rows)
  const widthOf = (number) => (room - (number - 1) * gap) / number
  const width = rows === 1 ? Math.min(...columns.map(({ from, to }) => (to - from) * inner.width)) : widthOf(across)
  const rest = count % across
  const tied = columns.slice(-rest).some(({ panels }) => panels.some((panel) => isTied(layout, panel)))
  const lastWidth = rest > 0 && !tied ? widthOf(rest) : width
  const heightOf = (band) => (band.to - band.from) * inner.height
  const isSquare = columns[0].panels.some(({ axes = [] }) => axes.some((name) => layout[name]?.scaleanchor))
  const tallest = rows > 1 || isSquare ? TALLEST * width : Infinity
  const heights = bands.map((band) => Math.min(heightOf(band), tallest))
  const starts = [0]
  heights.slice(0, -1).forEach((height, i) => {
    starts.push(starts[i] + height + (bands[i].from - bands[i + 1].to) * inner.height)
  })
  return { ...block, polar, left, rows, across, gap, width, lastWidth, heights, starts, depth: starts.at(-1) + heights.at(-1) }
}

function widthIn({ rows, across, width, lastWidth }, column) {
  return Math.floor(column / across) === rows - 1 ? lastWidth : width
}

// Whether an axis of a panel is as long as another one.
function isTied(layout, { polar, axes = [] }) {
  return Boolean(polar) || axes.some((name) => layout[name]?.matches || layout[name]?.scaleanchor)
}

function hasTicks(axis) {
  return Boolean(axis) && axis.visible !== false && axis.showticklabels !== false
}

// A place of the old layout in the new one; a place above a band keeps its distance from it.
function placing(blocks, inner, depth) {
  return {
    x(block, column, x) {
      if (block.rows === 1) return x
      const { from, to } = block.columns[column]
      const width = widthIn(block, column)
      const before = (column % block.across) * (width + block.gap)
      return block.left + (before + ((x - from) / (to - from)) * width) / inner.width
    },
    y({ from, pitch, across, bands, heights, starts }, column, y) {
      let at = bands.findIndex((band) => y >= band.from - TOUCHING)
      if (at < 0) at = bands.length - 1
      const band = bands[at]
      const top = from + pitch * Math.floor(column / across) + starts[at]
      const share = (band.to - y) / (band.to - band.from)
      const inside = share >= 0 && share <= 1
      const beyond = share < 0 ? (band.to - y) * inner.height : heights[at] + (band.from - y) * inner.height
      return 1 - (top + (inside ? share * heights[at] : beyond)) / depth
    },
  }
}

function movedAxes(layout, blocks, place) {
  const moved = {}
  for (const block of blocks) {
    for (const band of block.bands) {
      band.columns.forEach((column, number) => {
        for (const { x, y, axes, polar } of column.panels) {
          const domain = {
            x: x.map((side) => place.x(block, number, side)),
            y: y.map((side) => place.y(block, number, side)),
          }
          if (polar) {
            moved[polar] = { ...layout[polar], domain }
          } else {
            moved[axes[0]] = { ...layout[axes[0]], domain: domain.x }
            moved[axes[1]] = { ...layout[axes[1]], domain: domain.y, ...labels(layout, block, band, number, axes[1]) }
          }
        }
      })
    }
  }
  return moved
}

// A panel that now begins a row has the labels that only the first one had.
function labels(layout, { across }, band, column, name) {
  const own = layout[name] ?? {}
  if (column === 0 || column % across || own.visible === false || own.showticklabels !== false) return {}
  const first = band.columns[0].panels.map(({ axes }) => layout[axes[1]]).find(hasTicks)
  return first ? { showticklabels: true, title: first.title } : {}
}

// An annotation with the block and the column that it belongs to, in as many lines as its panel asks for. Titles of rows
// stand in no column.
function atHome(annotation, layout, blocks) {
  const { x, y, xref = "paper", yref = "paper", textangle, text } = annotation
  const onPaper = xref === "paper" && yref === "paper"
  let block, column
  if (onPaper) {
    block = blocks.find(({ bottom }) => y >= bottom - TOUCHING) ?? blocks.at(-1)
    const within = ({ from, to }) => x >= from - TOUCHING && x <= to + TOUCHING
    column = textangle ? -1 : block.columns.findIndex(within)
  } else if (xref.endsWith(" domain") && yref.endsWith(" domain")) {
    const axis = xref.replace(/^x(\d*) domain$/, "xaxis$1")
    const has = ({ panels }) => panels.some(({ axes }) => axes?.[0] === axis)
    block = blocks.find(({ columns }) => columns.some(has))
    column = block ? block.columns.findIndex(has) : -1
  }
  if (!block || column < 0) return { annotation, block, column, onPaper, lines: 1, added: 0 }
  const inLines = wrapped(text, widthIn(block, column), layout.font)
  const lines = inLines.split("<br>").length
  const added = lines - text.split("<br>").length
  return { annotation: { ...annotation, text: inLines }, block, column, onPaper, lines, added }
}

function isTitle({ annotation: { yanchor, y } }) {
  return yanchor === "bottom" && y > 0
}

// Annotations where their panel is now. A title of a row stands beside each row that it has become.
function moved({ annotation, block, column, onPaper }, place) {
  if (!onPaper) return [annotation]
  if (column >= 0) {
    return [{ ...annotation, x: place.x(block, column, annotation.x), y: place.y(block, column, annotation.y) }]
  }
  const rows = Array.from({ length: block.rows }, (_, row) => row * block.across)
  return rows.map((first) => ({ ...annotation, y: place.y(block, first, annotation.y) }))
}

const ruler = document.createElement("canvas").getContext("2d")

// A text in lines that are no wider than so many pixels, as far as its words allow.
function wrapped(text, width, { size, family }) {
  ruler.font = `${size}px ${family ?? "sans-serif"}`
  const lines = text.split("<br>").flatMap((line) => {
    const kept = []
    for (const word of line.split(" ")) {
      const longer = kept.length ? `${kept.at(-1)} ${word}` : word
      if (kept.length && ruler.measureText(longer.replace(/<[^>]*>/g, "")).width > width) kept.push(word)
      else kept.splice(-1, 1, longer)
    }
    return kept
  })
  return lines.join("<br>")
}

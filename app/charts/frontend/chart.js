// Draws a plotly figure, sent with all else as one JSON document in bytes, and updates it in place.
// Colours of the form var(--st-name[index], opacity) are resolved against the theme that is on. What a person reads
// comes with the data, in the visitor's language.

const charts = new WeakMap()

const NARROW = 600 // pixels: a phone

// In presenter mode a style says how much larger type is, and how high pictures are, or are at least, on the screen.
function heightFor({ plot, root, height, aspect }) {
  const own = Math.min(Math.max(height, aspect * plot.clientWidth), 1.6 * height)
  const style = getComputedStyle(root)
  const [given, least] = ["height", "least"].map((name) => parseFloat(style.getPropertyValue(`--perscope-${name}`)) || 0)
  return given ? (given / 100) * window.innerHeight : Math.max(own, (least / 100) * window.innerHeight)
}

function typeFor(root) {
  return parseFloat(getComputedStyle(root).getPropertyValue("--perscope-type")) || 1
}

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly)
  if (!window.perscopePlotly) {
    window.perscopePlotly = new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = new URL("perscope/plotly.min.js", document.baseURI)
      script.onload = () => resolve(window.Plotly)
      script.onerror = () => {
        window.perscopePlotly = undefined // the next chart tries again
        script.remove()
        reject(new Error("plotly.min.js could not be loaded"))
      }
      document.head.appendChild(script)
    })
  }
  return window.perscopePlotly
}

const REFERENCE = /^var\(--(st-[a-z-]+)(?:\[(\d+)\])?(?:, ([\d.]+))?\)$/

function resolveColour(text, style) {
  const match = REFERENCE.exec(text)
  if (!match) return text
  const [, name, index, opacity] = match
  const value = style.getPropertyValue("--" + name).trim()
  const colour = index === undefined ? value : (value.split(",")[Number(index)] ?? "")
  return withOpacity(colour.trim(), opacity === undefined ? 1 : Number(opacity))
}

function withOpacity(colour, opacity) {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour)
  if (!hex || opacity >= 1) return colour
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16))
  return `rgba(${r},${g},${b},${opacity})`
}

function resolveColours(value, style) {
  if (typeof value === "string") return value.startsWith("var(--st-") ? resolveColour(value, style) : value
  if (Array.isArray(value)) return value.map((v) => resolveColours(v, style))
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolveColours(v, style)]))
  }
  return value
}

function build(parentElement) {
  const root = document.createElement("div")
  root.className = "perscope-chart"
  const plot = document.createElement("div")
  plot.className = "perscope-plot"
  plot.setAttribute("role", "figure")
  plot.setAttribute("aria-busy", "true")
  const player = { element: document.createElement("div") }
  player.element.className = "perscope-player"
  player.element.hidden = true
  const take = document.createElement("div")
  take.className = "perscope-take"
  root.append(plot, player.element, take)
  parentElement.append(root)
  const chart = { root, plot, player, take, drawn: false, inView: true, theme: "", later: null }
  chart.observer = new ResizeObserver(() => {
    if (chart.drawn && plot.clientWidth > 0 && plot.clientWidth !== chart.width) drawFigure(chart, plot.data)
  })
  chart.observer.observe(root)
  chart.sight = new IntersectionObserver((changes) => {
    chart.inView = changes.at(-1).isIntersecting
    const draw = chart.inView && chart.later
    chart.later = null
    if (draw) draw()
  }, { rootMargin: "50%" })
  chart.sight.observe(root)
  charts.set(parentElement, chart)
  return chart
}

// The picture as it is on the screen, on the page's own background: text of a dark theme is unreadable on white.
function download(chart, name, format) {
  const background = getComputedStyle(chart.root).getPropertyValue("--st-background-color").trim()
  const { data, layout } = chart.plot
  const { clientWidth: width, clientHeight: height } = chart.plot
  const picture = { data, layout: { ...layout, width, height, paper_bgcolor: background } }
  return window.Plotly.downloadImage(picture, { format, filename: name, width, height, scale: format === "png" ? 2 : 1 })
}

function addButtons(chart, name, texts) {
  const actions = {
    PNG: () => download(chart, name, "png"),
    SVG: () => download(chart, name, "svg"),
    CSV: () => saveText(csvOf(chart.plot), name + ".csv"),
  }
  chart.take.replaceChildren(
    ...Object.entries(actions).map(([label, action]) => {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = label
      button.title = texts[label]
      button.setAttribute("aria-label", `${label}, ${name.replaceAll("_", " ")}`)
      button.onclick = action
      return button
    }),
  )
}

const ARRAYS = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array }

// Plotly unpacks base64 arrays of a figure's traces, but not of its frames.
function unpack(array) {
  if (!array?.bdata) return array
  const bytes = Uint8Array.from(atob(array.bdata), (letter) => letter.charCodeAt(0))
  return new ARRAYS[array.dtype](bytes.buffer)
}

function unpackFrames(frames) {
  return frames.map(({ name, traces, data }) => ({
    name,
    traces,
    x: data.map((trace) => unpack(trace.x)),
    y: data.map((trace) => unpack(trace.y)),
  }))
}

const FRAME_MILLISECONDS = 90
const HOVER_MILLISECONDS = 120 // until plotly says what is pointed at

// A slider and a button under a chart with frames. Both work from the keyboard, and nothing asks the server.
// A redraw, for another theme or other numbers, keeps the step that is shown and goes on playing.
function addPlayer(chart, name, frames, texts) {
  const last = frames.length - 1
  const { index = last, last: lastBefore = last, playing = false } = chart.player
  chart.player.playing = false
  chart.player.element.hidden = frames.length === 0
  if (frames.length === 0) return
  const play = document.createElement("button")
  const slider = document.createElement("input")
  const label = document.createElement("output")
  play.type = "button"
  Object.assign(slider, { type: "range", min: 0, max: last, step: 1 })
  slider.setAttribute("aria-label", `${texts.step}, ${name.replaceAll("_", " ")}`)
  const point = (number) => {
    Object.assign(chart.player, { index: number, last })
    slider.value = number
    slider.setAttribute("aria-valuetext", frames[number].name)
    label.textContent = frames[number].name
  }
  const show = (number) => {
    const { traces, x, y } = frames[number]
    point(number)
    return window.Plotly.restyle(chart.plot, { x, y }, traces)
  }
  const pause = () => {
    chart.player.playing = false
    play.textContent = texts.play
  }
  // The next frame waits for the one before: a slow machine plays slowly instead of falling behind.
  const start = async () => {
    const turn = {}
    chart.player.playing = turn
    play.textContent = texts.pause
    if (chart.player.index === last) await show(0)
    while (chart.player.playing === turn && chart.player.index < last) {
      await Promise.all([show(chart.player.index + 1), wait(FRAME_MILLISECONDS)])
    }
    if (chart.player.playing === turn) pause()
  }
  play.onclick = () => (chart.player.playing ? pause() : start())
  slider.oninput = () => {
    pause()
    show(Number(slider.value))
  }
  chart.player.element.replaceChildren(play, slider, label)
  pause()
  const kept = index === lastBefore ? last : Math.min(index, last)
  if (kept === last) point(last) // as the figure came
  else show(kept)
  if (playing) start()
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function saveText(text, filename) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }))
  link.download = filename
  link.click()
  URL.revokeObjectURL(link.href)
}

// One row per drawn value. Of a polar chart x is the angle in degrees and y the radius; above and below are the
// lengths of the error bar; horizontal reference lines come last, with their name and y alone.
function csvOf(plot) {
  const rows = [["trace", "panel", "label", "x", "y", "z", "above", "below"]]
  for (const trace of plot._fullData) {
    const name = trace.name ?? ""
    const panel = trace.meta ?? ""
    const x = trace.x ?? trace.theta ?? []
    const y = trace.y ?? trace.r ?? []
    if (trace.z) {
      const values = trace.customdata ?? trace.z // colours by ratio are logarithms; the numbers themselves go with them
      values.forEach((row, i) =>
        row.forEach((z, j) => rows.push([name, panel, "", x[j], y[i], z?.length ? z[0] : z, "", ""])),
      )
      continue
    }
    const text = Array.isArray(trace.text) ? trace.text : []
    const above = trace.error_y?.array ?? []
    const below = trace.error_y?.arrayminus ?? above
    for (let i = 0; i < Math.max(x.length, y.length); i++) {
      rows.push([name, panel, text[i] ?? "", x[i] ?? "", y[i] ?? "", "", above[i] ?? "", below[i] ?? ""])
    }
  }
  for (const shape of plot.layout.shapes ?? []) {
    if (shape.name) rows.push([shape.name, "", "", "", shape.y0, "", "", ""])
  }
  return rows.map((row) => row.map(csvCell).join(",")).join("\n") + "\n"
}

// Names are escaped for plotly's labels; what a spreadsheet would take for a formula has an apostrophe before it.
function csvCell(value) {
  if (typeof value === "number") return String(value)
  let text = String(value).replaceAll("<br>", " ")
  if (text.includes("&")) text = new DOMParser().parseFromString(text, "text/html").body.textContent
  if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

// A finger scrolls the page and does not zoom the chart. No chart is sent to anybody's server.
// Of the tools: by itself plotly lays them on half of black, as what is behind them is clear.
const TOOLS = { bgcolor: "rgba(0,0,0,0)", color: "var(--st-gray-color, 1)", activecolor: "var(--st-text-color, 1)" }
const TOUCH = window.matchMedia("(hover: none)").matches
const CONFIG = {
  displaylogo: false,
  locale: "visitor",
  responsive: false,
  displayModeBar: TOUCH ? false : "hover",
  modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "sendChartToCloud"],
}

// Where fields of a map open on a click: a button over one of them, which arrow keys move. It is named by what a mouse
// over the field is told, and Enter does what a click does. A mouse goes through it.
function addField(chart) {
  const field = document.createElement("button")
  field.type = "button"
  field.className = "perscope-field"
  chart.field = { element: field, row: 0, column: 0 }
  field.onfocus = () => pointAtField(chart)
  field.onblur = () => window.Plotly.Fx.unhover(chart.plot)
  field.onkeydown = (event) => {
    const map = mapOf(chart)
    const down = map.yaxis.c2p(1) > map.yaxis.c2p(0) ? 1 : -1
    const { row, column } = chart.field
    const moved = {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - down, column],
      ArrowDown: [row + down, column],
      Home: [row, 0],
      End: [row, map.x.length - 1],
    }[event.key]
    if (!moved || event.ctrlKey || event.altKey || event.metaKey) return
    event.preventDefault()
    chart.field.row = Math.min(Math.max(moved[0], 0), map.y.length - 1)
    chart.field.column = Math.min(Math.max(moved[1], 0), map.x.length - 1)
    placeField(chart)
    pointAtField(chart)
  }
  field.onclick = () => {
    const { x, y, z } = mapOf(chart)
    const { row, column } = chart.field
    if (Number.isFinite(z[row][column])) chart.choose({ x: x[column], y: y[row] })
  }
  chart.plot.after(field)
}

function mapOf({ plot }) {
  const { x, y, z, xaxis, yaxis } = plot._fullData.find(({ type }) => type === "heatmap")
  const axis = (name) => plot._fullLayout[name.replace(/^[xy]/, "$&axis")]
  return { x, y, z, xaxis: axis(xaxis), yaxis: axis(yaxis) }
}

function placeField(chart) {
  const { x, y, xaxis, yaxis } = mapOf(chart)
  const row = (chart.field.row = Math.min(chart.field.row, y.length - 1))
  const column = (chart.field.column = Math.min(chart.field.column, x.length - 1))
  const [left, right] = [column - 0.5, column + 0.5].map((place) => xaxis._offset + xaxis.c2p(place))
  const [one, other] = [row - 0.5, row + 0.5].map((place) => yaxis._offset + yaxis.c2p(place))
  Object.assign(chart.field.element.style, {
    left: `${left}px`,
    top: `${Math.min(one, other)}px`,
    width: `${right - left}px`,
    height: `${Math.abs(other - one)}px`,
  })
  chart.field.element.setAttribute("aria-label", `${y[row]}, ${x[column]}`)
}

async function pointAtField(chart) {
  const { element, row, column } = chart.field
  element.scrollIntoView({ block: "nearest" })
  const { left, top, width, height } = element.getBoundingClientRect()
  const middle = { clientX: left + width / 2, clientY: top + height / 2 }
  chart.plot.querySelector(".nsewdrag").dispatchEvent(new MouseEvent("mousemove", middle))
  await wait(HOVER_MILLISECONDS)
  const lines = [...chart.plot.querySelectorAll(".hoverlayer .hovertext .nums tspan")].map((line) => line.textContent)
  const isStill = document.activeElement === element && chart.field.row === row && chart.field.column === column
  if (isStill && lines.length) element.setAttribute("aria-label", lines.join(" "))
}

// Draws the layout for the width that there is. What a legend of many lines takes from the panels is added below.
async function drawFigure(chart, data) {
  const { plot, layout } = chart
  chart.width = plot.clientWidth
  const own = laidOut({ data, layout }, plot.clientWidth, heightFor(chart))
  plot.style.minHeight = `${own.height}px`
  await window.Plotly.react(plot, data, own, { ...CONFIG, locales: { visitor: { dictionary: chart.texts } } })
  const { h } = plot._fullLayout._size
  const taken = plot.clientWidth < NARROW ? own.height - own.margin.t - own.margin.b - h : 0
  if (taken > 1) await window.Plotly.relayout(plot, { height: own.height + taken })
  if (chart.field) placeField(chart)
}

async function drawIn(chart, data, component, style) {
  await loadPlotly()
  const figure = resolveColours(data.figure, style)
  figure.layout.font.family = style.getPropertyValue("--st-font")
  figure.layout.modebar = resolveColours(TOOLS, style)
  const larger = typeFor(chart.root)
  for (const { font } of [figure.layout, ...(figure.layout.annotations ?? [])]) if (font?.size) font.size *= larger
  if (TOUCH) figure.layout.dragmode = false
  chart.layout = figure.layout
  chart.texts = data.texts
  if (data.clicks && !chart.field) addField(chart)
  chart.choose = (point) => component.setTriggerValue("point", point)
  await drawFigure(chart, figure.data)
  if (!chart.drawn) addButtons(chart, data.name, data.texts)
  chart.plot.removeAllListeners("plotly_click")
  if (data.clicks) {
    chart.plot.on("plotly_click", ({ points: [{ x, y }] }) => chart.choose({ x, y }))
  }
  addPlayer(chart, data.name, unpackFrames(figure.frames ?? []), data.texts)
  chart.drawn = true
  chart.plot.setAttribute("aria-busy", "false")
}

export default function (component) {
  const { parentElement } = component
  const data = JSON.parse(new TextDecoder().decode(component.data))
  const chart = charts.get(parentElement) ?? build(parentElement)
  chart.height = data.height
  chart.aspect = data.aspect
  chart.plot.dataset.chart = data.name
  chart.plot.setAttribute("aria-label", data.alt)
  chart.plot.style.minHeight = `${laidOut(data.figure, chart.plot.clientWidth, heightFor(chart)).height}px`
  const style = getComputedStyle(parentElement.host ?? parentElement)
  const theme = style.getPropertyValue("--st-background-color")
  const draw = () => drawIn(chart, data, component, style).catch((error) => {
    console.error(error)
    chart.plot.textContent = data.texts.failed
    chart.plot.setAttribute("aria-busy", "false")
  })
  // Other numbers for a chart that nobody sees wait until somebody does; only the latest are drawn.
  chart.later = chart.drawn && !chart.inView && theme === chart.theme ? draw : null
  chart.theme = theme
  if (!chart.later) draw()
  return () => {
    chart.observer.disconnect()
    chart.sight.disconnect()
    chart.player.playing = false
    if (window.Plotly) window.Plotly.purge(chart.plot)
    chart.root.remove()
    charts.delete(parentElement)
  }
}

// A canvas on which a cloud of two units or a density of one is drawn, by mouse, finger, pen or keyboard.
// A drawing is a level at every node of a grid. It is sent when the hand is lifted, and comes back with the next run of
// the page: what is drawn meanwhile stays. What a person reads comes with the data, in the visitor's language.

const canvases = new WeakMap()
const MOST_STEPS = 50 // that can be undone
const SPRAY_WIDTH = 0.28 // standard deviation, in units of the axes, as are the radii
const RADIUS = { pen: 0.13, erase: 0.35 }
const SPRAYED = { perUnit: 120, perTick: 8, tick: 30 } // dots along a stroke, and every so many milliseconds in a place
const USUAL_TYPE = 15 // pixels
const NARROWEST = 60 // in pixels: a sidebar that is folded away leaves less
const BUMP = 3 // width in nodes of what one key press adds to a density

const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
const between = (value, low, high) => Math.min(Math.max(value, low), high)

// Where the dots of a node lie, in spacings: always the same, and as samples of the drawing are spread about a node.
let scattered
function scatter(count) {
  if (scattered?.length === 2 * count) return scattered
  let seed = 1
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  return (scattered = Float32Array.from({ length: 2 * count }, () => random() - random()))
}

function nodeAt({ nodes, extent }, value) {
  return between(Math.floor(((value + extent) / (2 * extent)) * nodes), 0, nodes - 1)
}

function positionOf({ nodes, extent }, node) {
  return ((node + 0.5) / nodes) * 2 * extent - extent
}

const cloud = {
  shape: 1,
  tools: ["spray", "pen", "erase"],
  stroke(canvas, from, to) {
    if (canvas.tool === "spray") return spray(canvas, from, to, SPRAYED.perUnit * Math.hypot(to.x - from.x, to.y - from.y))
    return cover(canvas, from, to, RADIUS[canvas.tool], canvas.tool === "pen" ? canvas.grid.highest : 0)
  },
  // Held still, a spray goes on.
  tick(canvas, at) {
    if (canvas.tool === "spray") spray(canvas, at, at, SPRAYED.perTick)
  },
  picture(canvas, pen, { x, y, colours, type }) {
    const { grid, levels } = canvas
    const spacing = (2 * grid.extent) / grid.nodes
    const offsets = scatter(levels.length * grid.highest)
    const size = Math.max(1, (x(spacing) - x(0)) / 4)
    pen.strokeStyle = colours.reference
    pen.setLineDash([2 * type, 3 * type])
    for (const radius of [1, 2]) {
      pen.beginPath()
      pen.arc(x(0), y(0), x(radius) - x(0), 0, 2 * Math.PI)
      pen.stroke()
    }
    pen.fillStyle = colours.drawn
    pen.globalAlpha = 0.7
    levels.forEach((level, node) => {
      const column = positionOf(grid, node % grid.nodes)
      const row = positionOf(grid, Math.floor(node / grid.nodes))
      for (let dot = 0; dot < level; dot++) {
        const at = 2 * (node * grid.highest + dot)
        pen.fillRect(x(column + spacing * offsets[at]) - size / 2, y(row + spacing * offsets[at + 1]) - size / 2, size, size)
      }
    })
    pen.globalAlpha = 1
  },
  // What a key does: "moved", "changed" or nothing.
  key(canvas, { key, shiftKey }) {
    const { cursor, grid } = canvas
    const step = ((shiftKey ? 4 : 1) * 2 * grid.extent) / grid.nodes
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }
    if (moves[key]) {
      move(canvas, cursor.x + moves[key][0], cursor.y + moves[key][1])
      return "moved"
    }
    const tool = { " ": canvas.tool, Enter: canvas.tool, Delete: "erase", Backspace: "erase" }[key]
    if (!tool) return ""
    const chosen = canvas.tool
    remember(canvas)
    canvas.tool = tool
    this.stroke(canvas, cursor, cursor)
    this.tick(canvas, cursor)
    canvas.tool = chosen
    return "changed"
  },
  levelAt: ({ grid, levels, cursor }) => levels[nodeAt(grid, cursor.y) * grid.nodes + nodeAt(grid, cursor.x)],
}

function spray({ grid, levels }, from, to, dots) {
  for (let dot = Math.random(); dot < dots; dot++) {
    const along = Math.random()
    const x = from.x + along * (to.x - from.x) + SPRAY_WIDTH * gaussian()
    const y = from.y + along * (to.y - from.y) + SPRAY_WIDTH * gaussian()
    if (Math.max(Math.abs(x), Math.abs(y)) >= grid.extent) continue
    const node = nodeAt(grid, y) * grid.nodes + nodeAt(grid, x)
    levels[node] = Math.min(levels[node] + 1, grid.highest)
  }
}

// Every node near the line from one point to another gets a level.
function cover({ grid, levels }, from, to, radius, level) {
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const square = dx * dx + dy * dy
  for (let node = 0; node < levels.length; node++) {
    const x = positionOf(grid, node % grid.nodes) - from.x
    const y = positionOf(grid, Math.floor(node / grid.nodes)) - from.y
    const along = square === 0 ? 0 : between((x * dx + y * dy) / square, 0, 1)
    if (Math.hypot(x - along * dx, y - along * dy) <= radius) levels[node] = level
  }
}

const density = {
  shape: 0.62,
  tools: [],
  // The curve goes through the line from one point to another.
  stroke({ grid, levels }, from, to) {
    const [left, right] = from.x <= to.x ? [from, to] : [to, from]
    for (let node = nodeAt(grid, left.x); node <= nodeAt(grid, right.x); node++) {
      const share = right.x === left.x ? 1 : between((positionOf(grid, node) - left.x) / (right.x - left.x), 0, 1)
      const end = right === to ? share : 1 - share
      levels[node] = this.level(grid, from.y + end * (to.y - from.y))
    }
  },
  tick() {},
  level: (grid, y) => Math.round((between(y / grid.extent + 1, 0, 2) / 2) * grid.highest),
  // N(0, 1) has the same area as what is drawn, if something is, unless its peak would lie above the canvas.
  picture(canvas, pen, { x, y, colours, type }) {
    const { grid, levels } = canvas
    const height = (level) => y((2 * level) / grid.highest * grid.extent - grid.extent)
    const total = levels.reduce((sum, level) => sum + level, 0)
    const own = total ? (total * 2 * grid.extent) / grid.nodes : 1.2 * grid.highest
    const area = Math.min(own, 0.97 * Math.sqrt(2 * Math.PI) * grid.highest)
    const curve = (level) => {
      pen.beginPath()
      pen.moveTo(x(-grid.extent), height(0))
      for (let node = 0; node < grid.nodes; node++) pen.lineTo(x(positionOf(grid, node)), height(level(node)))
      pen.lineTo(x(grid.extent), height(0))
    }
    pen.strokeStyle = pen.fillStyle = colours.drawn
    pen.lineWidth = 2 * type
    curve((node) => levels[node])
    pen.globalAlpha = 0.2
    pen.fill()
    pen.globalAlpha = 1
    if (total) pen.stroke()
    pen.strokeStyle = colours.reference
    pen.lineWidth = 1.5 * type
    pen.setLineDash([2 * type, 3 * type])
    curve((node) => (area * Math.exp(-(positionOf(grid, node) ** 2) / 2)) / Math.sqrt(2 * Math.PI))
    pen.stroke()
  },
  key(canvas, { key, shiftKey }) {
    const { cursor, grid, levels } = canvas
    const step = (shiftKey ? 4 : 1) * 0.125
    const moves = { ArrowLeft: -step, ArrowRight: step }
    const rise = { ArrowUp: 1, ArrowDown: -1 }[key]
    if (moves[key]) move(canvas, cursor.x + moves[key], cursor.y)
    else if (!rise) return ""
    else {
      remember(canvas)
      const middle = nodeAt(grid, cursor.x)
      levels.forEach((level, node) => {
        const share = Math.exp(-(((node - middle) / BUMP) ** 2) / 2)
        levels[node] = between(Math.round(level + (rise * step * grid.highest * share) / 2), 0, grid.highest)
      })
    }
    canvas.cursor.y = (2 * levels[nodeAt(grid, canvas.cursor.x)]) / grid.highest * grid.extent - grid.extent
    return rise ? "changed" : "moved"
  },
  levelAt: ({ grid, levels, cursor }) => levels[nodeAt(grid, cursor.x)],
}

const KINDS = { cloud, density }

function move(canvas, x, y) {
  const { extent } = canvas.grid
  canvas.cursor = { x: between(x, -extent, extent), y: between(y, -extent, extent) }
}

function remember(canvas) {
  canvas.before.push(canvas.levels.slice())
  if (canvas.before.length > MOST_STEPS) canvas.before.shift()
}

// How much larger than usual the page writes.
const enlarged = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_TYPE

// Margins of the picture in pixels: ticks stand at the left of a cloud and below.
function frame(canvas) {
  const { node, grid, kind } = canvas
  const [left, right, top, bottom] = [kind === cloud ? 24 : 8, 8, 8, 20].map((pixels) => pixels * enlarged())
  const width = node.clientWidth - left - right
  const height = Math.round(kind.shape * width)
  return {
    height: height + top + bottom,
    edge: { left, top, right: left + width, bottom: top + height },
    x: (value) => left + ((value + grid.extent) / (2 * grid.extent)) * width,
    y: (value) => top + ((grid.extent - value) / (2 * grid.extent)) * height,
    inverse: (x, y) => ({
      x: ((x - left) / width) * 2 * grid.extent - grid.extent,
      y: grid.extent - ((y - top) / height) * 2 * grid.extent,
    }),
  }
}

function render(canvas) {
  const { node, kind, grid } = canvas
  const width = node.clientWidth
  if (width < NARROWEST) return
  const style = getComputedStyle(node)
  const colour = (name) => style.getPropertyValue(`--st-${name}`).trim()
  const colours = {
    drawn: colour("chart-categorical-colors").split(",")[0],
    reference: colour("gray-color"),
    text: colour("text-color"),
    grid: colour("border-color"),
  }
  const place = frame(canvas)
  const { x, y, edge } = place
  const ratio = window.devicePixelRatio || 1
  node.style.height = `${place.height}px`
  node.width = Math.round(width * ratio)
  node.height = Math.round(place.height * ratio)
  const pen = node.getContext("2d")
  pen.scale(ratio, ratio)
  const type = enlarged()
  pen.font = `${11 * type}px ${colour("font") || "sans-serif"}`
  pen.fillStyle = colours.text
  pen.strokeStyle = colours.grid
  for (let tick = -grid.extent; tick <= grid.extent; tick += 2) {
    const name = String(tick).replace("-", "−")
    pen.textAlign = "center"
    pen.textBaseline = "top"
    pen.fillText(name, x(tick), edge.bottom + 5 * type)
    line(pen, x(tick), edge.top, x(tick), edge.bottom)
    if (kind !== cloud) continue
    pen.textAlign = "right"
    pen.textBaseline = "middle"
    pen.fillText(name, edge.left - 4 * type, y(tick))
    line(pen, edge.left, y(tick), edge.right, y(tick))
  }
  if (kind === density) line(pen, edge.left, edge.bottom, edge.right, edge.bottom)
  pen.save()
  pen.beginPath()
  pen.rect(edge.left, edge.top, edge.right - edge.left, edge.bottom - edge.top)
  pen.clip()
  kind.picture(canvas, pen, { x, y, colours, type })
  pen.restore()
  if (!canvas.byKeys) return
  pen.strokeStyle = colours.text
  pen.lineWidth = 1.5 * type
  pen.beginPath()
  pen.arc(x(canvas.cursor.x), y(canvas.cursor.y), 5 * type, 0, 2 * Math.PI)
  pen.stroke()
}

function line(pen, x, y, toX, toY) {
  pen.beginPath()
  pen.moveTo(x, y)
  pen.lineTo(toX, toY)
  pen.stroke()
}

function refresh(canvas) {
  cancelAnimationFrame(canvas.due)
  canvas.due = requestAnimationFrame(() => render(canvas))
  canvas.undo.disabled = canvas.before.length === 0
}

function send(canvas) {
  canvas.changed = false
  canvas.received = null
  canvas.send(Array.from(canvas.levels))
}

function say(canvas) {
  const { grid, cursor, texts, kind } = canvas
  const number = (value) => value.toFixed(2).replace("-", "−")
  const level = Math.round((100 * kind.levelAt(canvas)) / grid.highest)
  canvas.says.textContent = texts.at.replace("{x}", number(cursor.x)).replace("{y}", number(cursor.y)).replace("{level}", level)
}

function listen(canvas) {
  const { node, kind } = canvas
  const at = (event) => frame(canvas).inverse(event.offsetX - node.clientLeft, event.offsetY - node.clientTop)
  let [last, pointer] = [null, null]
  const stroke = (from, to) => {
    kind.stroke(canvas, from, to)
    refresh(canvas)
  }
  node.onpointerdown = (event) => {
    if (event.button !== 0 || last) return
    pointer = event.pointerId
    node.setPointerCapture(pointer)
    canvas.byKeys = false
    remember(canvas)
    last = at(event)
    const tick = () => {
      kind.tick(canvas, last)
      refresh(canvas)
    }
    stroke(last, last)
    tick()
    canvas.timer = setInterval(tick, SPRAYED.tick)
  }
  node.onpointermove = (event) => {
    if (!last || event.pointerId !== pointer) return // of two fingers one draws
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const next = at(each)
      stroke(last, next)
      last = next
    }
  }
  node.onpointerup = node.onpointercancel = (event) => {
    if (!last || event.pointerId !== pointer) return
    last = null
    clearInterval(canvas.timer)
    send(canvas)
  }
  node.onkeydown = (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) canvas.undo.click()
    else if (event.ctrlKey || event.metaKey || event.altKey) return
    else {
      const done = kind.key(canvas, event)
      if (!done) return
      canvas.changed ||= done === "changed"
      canvas.byKeys = true
      say(canvas)
      refresh(canvas)
    }
    event.preventDefault()
    event.stopPropagation()
  }
  node.onkeyup = node.onblur = (event) => {
    if (canvas.changed) send(canvas)
    if (event.type !== "blur") return
    canvas.byKeys = false
    canvas.says.textContent = canvas.texts.help
    refresh(canvas)
  }
}

function button(label, act) {
  const element = document.createElement("button")
  element.type = "button"
  element.textContent = label
  element.onclick = act
  return element
}

function row(label, buttons) {
  const element = document.createElement("div")
  element.className = "perscope-tools"
  element.setAttribute("role", "group")
  element.setAttribute("aria-label", label)
  element.append(...buttons)
  return element
}

function addTools(canvas, shapes) {
  const { kind, texts } = canvas
  const tools = kind.tools.map((tool) => button(texts[tool], () => choose(tool)))
  const choose = (tool) => {
    canvas.tool = tool
    tools.forEach((element, place) => element.setAttribute("aria-pressed", String(kind.tools[place] === tool)))
  }
  if (tools.length) choose(canvas.tool ?? kind.tools[0])
  canvas.undo = button(texts.undo, () => {
    if (!canvas.before.length) return
    canvas.levels = canvas.before.pop()
    send(canvas)
    refresh(canvas)
  })
  canvas.undo.className = "perscope-apart"
  const clear = button(texts.clear, () => {
    remember(canvas)
    canvas.levels = new Uint8Array(canvas.levels.length)
    send(canvas)
    refresh(canvas)
  })
  const begin = Object.entries(shapes).map(([shape, title]) => button(title, () => canvas.begin(shape)))
  const always = [canvas.undo, clear]
  if (tools.length) canvas.root.prepend(row(texts.shapes, begin), row(texts.tools, [...tools, ...always]))
  else canvas.root.prepend(row(texts.tools, [...begin, ...always]))
}

// Say everything in the visitor's language, which may be another than before.
function speak(canvas, { label, shapes, texts }) {
  const spoken = JSON.stringify([label, shapes, texts])
  if (spoken === canvas.spoken) return
  Object.assign(canvas, { spoken, texts })
  canvas.node.setAttribute("aria-label", label)
  canvas.says.textContent = texts.help
  canvas.root.querySelectorAll(".perscope-tools").forEach((row) => row.remove())
  addTools(canvas, shapes)
}

function build(parentElement, { kind, nodes, highest, extent, name }) {
  const [root, node, says] = ["div", "canvas", "p"].map((tag) => document.createElement(tag))
  root.className = "perscope-canvas"
  says.className = "perscope-says"
  says.id = `perscope-says-${name}`
  says.setAttribute("aria-live", "polite")
  node.tabIndex = 0
  node.dataset.canvas = name
  node.setAttribute("role", "application")
  node.setAttribute("aria-describedby", says.id)
  root.append(node, says)
  parentElement.append(root)
  const canvas = { kind: KINDS[kind], grid: { nodes, highest, extent }, root, node, says, before: [], sent: 0 }
  canvas.levels = new Uint8Array(0)
  canvas.cursor = { x: 0, y: 0 }
  listen(canvas)
  canvas.observer = new ResizeObserver(() => refresh(canvas))
  canvas.observer.observe(root)
  canvases.set(parentElement, canvas)
  return canvas
}

// Levels that the server has of another source than this canvas: of the address, or of a shape to begin with. An echo of
// what was sent is nothing new, nor is what was received before.
function adopt(canvas, { levels, echo }) {
  const received = levels.join()
  const first = canvas.levels.length === 0
  if (!first && (received === canvas.received || (echo && canvas.received === null))) return
  if (!first) remember(canvas)
  canvas.received = received
  canvas.levels = Uint8Array.from(levels)
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const canvas = canvases.get(parentElement) ?? build(parentElement, data)
  // Numbered, as what is undone may be what was sent before: the same once more would not be told.
  canvas.send = (levels) => setStateValue("drawn", { number: ++canvas.sent, levels })
  canvas.begin = (shape) => setTriggerValue("shape", shape)
  speak(canvas, data)
  adopt(canvas, data)
  refresh(canvas)
  return () => {
    canvas.observer.disconnect()
    cancelAnimationFrame(canvas.due)
    clearInterval(canvas.timer)
    canvas.root.remove()
    canvases.delete(parentElement)
  }
}

// The map in three dimensions, the way through it, and its keyframes one by one.
// Needs THREE (three.min.js, see tools/bundle_three.py) and the element #scene with what
// mapper/report/scene/scene.py writes.
(() => {
"use strict";
const view = document.getElementById("view");
const WAY = [[0.18, 0.42, 0.87], [0.95, 0.55, 0.15]]; // begin and end, RGB
const MARK = 0xf04438, CAMERA = 0x98a2b3, LOOP = 0x12b76a;
const CAMERA_SIZE = 0.025; // of the map's longest side

function bytes(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
}

function lines(positions, options, colors) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(positions), 3));
  if (colors) geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(colors), 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial(options));
}

function surface(scene) {
  const geometry = new THREE.BufferGeometry();
  const vertices = new THREE.BufferAttribute(new Uint16Array(bytes(scene.vertices)), 3, true);
  geometry.setAttribute("position", vertices);
  geometry.setAttribute("color", new THREE.BufferAttribute(new Uint8Array(bytes(scene.colors)), 3, true));
  const Numbers = scene.small ? Uint16Array : Uint32Array;
  geometry.setIndex(new THREE.BufferAttribute(new Numbers(bytes(scene.faces)), 1));
  // Walls seen from behind are left out: a room opens like a doll's house.
  const material = new THREE.MeshBasicMaterial({vertexColors: true, side: THREE.FrontSide});
  const mesh = new THREE.Mesh(geometry, material);
  mesh.scale.set(...scene.size);
  mesh.position.set(...scene.low);
  return mesh;
}

function way(scene) {
  const shares = new Float32Array(bytes(scene.way.shares));
  const colors = [];
  for (const share of shares) {
    const color = WAY[0].map((from, i) => from + share * (WAY[1][i] - from));
    colors.push(...color, ...color);
  }
  return lines(new Float32Array(bytes(scene.way.points)), {vertexColors: true}, colors);
}

// The twelve numbers of a pose are rows of [R t], camera to world; x right, y down, z forward.
function at(pose, x, y, z) {
  return [0, 4, 8].map(row => pose[row] * x + pose[row + 1] * y + pose[row + 2] * z + pose[row + 3]);
}

function outline(pose, size) {
  const corners = [[-1, -0.75], [1, -0.75], [1, 0.75], [-1, 0.75]]
    .map(([x, y]) => at(pose, x * size, y * size, 1.3 * size));
  const found = [];
  corners.forEach((corner, i) => found.push(...at(pose, 0, 0, 0), ...corner, ...corner, ...corners[(i + 1) % 4]));
  return found;
}

function loopLines(scene, pairs) {
  return pairs.flatMap(([a, b]) => [a, b].flatMap(row => at(scene.keyframes[row].pose, 0, 0, 0)));
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${String(minutes).padStart(2, "0")}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

class Viewer {
  constructor(scene) {
    this.scene = scene;
    this.renderer = new THREE.WebGLRenderer({antialias: true, alpha: true});
    this.renderer.outputColorSpace = THREE.LinearSRGBColorSpace; // colours are shown as they are
    view.querySelector(".canvas").append(this.renderer.domElement);
    this.extent = Math.max(...scene.size);
    this.camera = new THREE.PerspectiveCamera(scene.fov, 1.6, this.extent / 2000, this.extent * 50);
    this.camera.up.set(...scene.up);
    this.controls = new THREE.OrbitControls(this.camera, this.renderer.domElement);
    this.controls.addEventListener("change", () => this.draw());
    this.world = new THREE.Scene();
    const size = CAMERA_SIZE * this.extent;
    const outlines = scene.keyframes.flatMap(keyframe => outline(keyframe.pose, size));
    this.parts = {
      map: [surface(scene)],
      way: [way(scene), lines(outlines, {color: CAMERA})],
      loops: [lines(loopLines(scene, scene.loops), {color: LOOP})],
    };
    Object.values(this.parts).flat().forEach(part => this.world.add(part));
    this.marked = [];
    new ResizeObserver(() => this.resize()).observe(view.querySelector(".canvas"));
    this.whole();
  }

  whole() {
    this.camera.position.set(...this.scene.eye);
    this.camera.fov = this.scene.fov;
    this.camera.updateProjectionMatrix();
    this.controls.target.set(...this.scene.target);
    this.controls.update();
    this.draw();
  }

  // From a little behind the keyframe, so that its outline frames what it saw.
  stepInto(row) {
    const pose = this.scene.keyframes[row].pose;
    this.camera.position.set(...at(pose, 0, 0, -2 * CAMERA_SIZE * this.extent));
    this.camera.fov = 60;
    this.camera.updateProjectionMatrix();
    this.controls.target.set(...at(pose, 0, 0, 0.15 * this.extent));
    this.controls.update();
    this.draw();
  }

  mark(row) {
    this.marked.forEach(part => { this.world.remove(part); part.geometry.dispose(); });
    const loops = this.scene.loops.filter(pair => pair.includes(row));
    const material = {color: MARK, depthTest: false};
    this.marked = [
      lines(outline(this.scene.keyframes[row].pose, 1.6 * CAMERA_SIZE * this.extent), material),
      lines(loopLines(this.scene, loops), material),
    ];
    this.marked.forEach(part => { part.renderOrder = 1; this.world.add(part); });
    this.draw();
    return loops;
  }

  show(name, on) {
    this.parts[name].forEach(part => { part.visible = on; });
    this.draw();
  }

  resize() {
    const {clientWidth: width, clientHeight: height} = view.querySelector(".canvas");
    if (!width || !height) return;
    this.renderer.setPixelRatio(window.devicePixelRatio);
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() {
    this.renderer.render(this.world, this.camera);
  }
}

// The nearest keyframe whose image the page holds; a long run's has only some.
function picture(scene, row) {
  for (let step = 0; step < scene.keyframes.length; step++) {
    for (const near of [row - step, row + step]) {
      const image = scene.keyframes[near]?.image;
      if (image) return {near, image};
    }
  }
  return null;
}

function describe(scene, row, loops) {
  const others = loops.map(pair => pair[0] === row ? pair[1] : pair[0]);
  const text = `keyframe ${row} of ${scene.keyframes.length - 1}, at ${clock(scene.keyframes[row].time)}`;
  return others.length ? `${text}; loops to ${others.join(", ")}` : text;
}

function start() {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  THREE.ColorManagement.enabled = false;
  let viewer;
  try {
    viewer = new Viewer(scene);
  } catch (error) {
    for (const part of [".canvas", ".controls", "img"]) view.querySelector(part).remove();
    view.querySelector(".says").textContent = "This browser shows no WebGL, so the map cannot be turned here; pictures of it are below.";
    view.hidden = false;
    return;
  }
  const slider = view.querySelector("input[type=range]");
  const says = view.querySelector(".says"), image = view.querySelector("img");
  const choose = () => {
    const row = Number(slider.value), loops = viewer.mark(row), found = picture(scene, row);
    says.textContent = describe(scene, row, loops);
    image.hidden = !found;
    if (found) {
      image.src = `data:image/jpeg;base64,${found.image}`;
      image.alt = `what keyframe ${found.near} saw`;
    }
  };
  slider.max = scene.keyframes.length - 1;
  slider.addEventListener("input", choose);
  view.querySelector(".whole").addEventListener("click", () => viewer.whole());
  view.querySelector(".into").addEventListener("click", () => viewer.stepInto(Number(slider.value)));
  view.querySelectorAll("input[type=checkbox]").forEach(box =>
    box.addEventListener("change", () => viewer.show(box.name, box.checked)));
  view.querySelector(".loops").hidden = !scene.loops.length;
  view.hidden = false;
  viewer.resize();
  choose();
}

start();
})();

/** The part of uPlot 1.6 that the trend uses; the library itself comes from the wheel `uplot-python`. */
export interface UPlot {
  readonly root: HTMLElement;
  readonly over: HTMLElement;
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly cursor: { left: number; top: number };
  readonly select: { left: number; width: number };
  batch(work: () => void): void;
  setSize(size: { width: number; height: number }): void;
  setScale(key: string, range: { min: number; max: number }): void;
  setSelect(select: { left: number; top: number; width: number; height: number }, fireHook?: boolean): void;
  posToVal(position: number, scale: string): number;
  valToPos(value: number, scale: string, canvasPixels?: boolean): number;
  redraw(rebuildPaths?: boolean, recalcAxes?: boolean): void;
  destroy(): void;
}

export interface UPlotConstructor {
  new (options: object, data: unknown[], target: HTMLElement): UPlot;
  tzDate(date: Date, zone: string): Date;
}

"""Record the models of the catalogue: real torch.export programs without weights, and the facts their descriptions state.

usage: python tools/record-catalogue.py OUT_DIR [--names FILE] [NAME ...]

NAME is torchvision/resnet50, timm/vit_base_patch16_224, ... ; FILE holds one a line, or is catalogue/models.json. Needs
Python with torch 2.9 or newer, torchvision and timm, no GPU and no weights: models are made on the meta device, in training
mode. Every model is exported with its batch left free, or, where it refuses, with a batch of 2 (those are not packed).

Each model also runs once at another image size, H+128 x W+64, and the shape of every module's output is noted:
`tools/pack-catalogue.mjs` opens the image size of a model only if its program, bound to that size, has the same shapes.

OUT_DIR gets NAME.pt2 (with "__" for "/") and facts.jsonl, a line per model. Files that are there are kept, so an
interrupted run goes on where it stopped. Then: node tools/pack-catalogue.mjs OUT_DIR
"""
import argparse, json, logging, os, sys, time, warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import torch

# torchvision states the size a weight file was evaluated at, not the one a model without weights takes
TORCHVISION_IMAGES = {"inception_v3": 299}
SEGMENTATION_IMAGE = 520


def build(reference):
    """The model on the meta device, its image's height and width, and facts about where it comes from."""
    source, name = reference.split("/", 1)
    make = {"torchvision": torchvision_model, "timm": timm_model}.get(source)
    if make is None:
        raise SystemExit(f"{reference}: the source must be torchvision or timm")
    try:
        with torch.device("meta"):
            return make(name)
    except NotImplementedError:  # computes with tensors while it is built: torchvision's RegNets
        model, image, facts = make(name)
        return model.to("meta"), image, facts


def torchvision_model(name):
    import torchvision

    segments = name in torchvision.models.list_models(module=torchvision.models.segmentation)
    options = {"weights_backbone": None} if segments else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    size = SEGMENTATION_IMAGE if segments else TORCHVISION_IMAGES.get(name, 224)
    return model, [size, size], {"task": "segmentation" if segments else "classification"}


def timm_model(name):
    import timm

    model = timm.create_model(name)
    channels, *image = model.default_cfg["input_size"]
    if channels != 3:
        raise ValueError(f"takes {channels} channels")
    return model, image, {"task": "classification" if model.num_classes else "features"}


def register_outputs():
    """Two models return named tuples, which torch.export writes only once they have a name."""
    from torch.utils._pytree import _register_namedtuple
    from torchvision.models import GoogLeNetOutputs, InceptionOutputs

    for each in (GoogLeNetOutputs, InceptionOutputs):
        _register_namedtuple(each, serialized_type_name=f"torchvision.{each.__name__}")


def export(model, image, free):
    batch = torch.export.Dim("batch", min=2, max=65536)
    return torch.export.export(model, (torch.empty(2, 3, *image, device="meta"),), dynamic_shapes=({0: batch},) if free else None)


def record(reference, out):
    target = os.path.join(out, reference.replace("/", "__") + ".pt2")
    model, image, facts = build(reference)
    model.train()
    if not os.path.exists(target):
        try:
            program = export(model, image, True)
        except Exception as refused:
            print(f"{reference}: batch stays 2: {refused!r:.160}", flush=True)
            program = export(model, image, False)
        save(program, target)
    second = [image[0] + 128, image[1] + 64]
    shapes = module_shapes(model, second)
    module, kind = type(model).__module__, type(model).__name__
    return {"name": reference, "module": module, "class": kind, "image": image, "second": second, "shapes": shapes, **facts}


def module_shapes(model, image):
    """Shapes that the innermost modules and the model itself return at an image size, by path; or why there are none."""
    shapes = {}

    def note(path):
        def hook(_module, _inputs, output):
            if isinstance(output, torch.Tensor):
                shapes[path] = list(output.shape)
        return hook

    for path, module in model.named_modules():
        if path == "" or next(module.children(), None) is None:
            module.register_forward_hook(note(path))
    try:
        with torch.no_grad():
            model(torch.empty(2, 3, *image, device="meta"))
        return shapes
    except Exception as refused:
        return f"{refused!r:.200}"


def save(program, target):
    part = os.path.join(os.path.dirname(target), ".part", os.path.basename(target))  # the archive's inner folder has the file's name
    os.makedirs(os.path.dirname(part), exist_ok=True)
    torch.export.save(program, part)
    os.replace(part, target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--names")
    parser.add_argument("references", nargs="*")
    options = parser.parse_args()
    references = list(options.references)
    if options.names:
        with open(options.names) as names:
            references += json.load(names)["models"] if options.names.endswith(".json") else names.read().split()
    os.makedirs(options.out, exist_ok=True)
    register_outputs()
    facts = os.path.join(options.out, "facts.jsonl")
    for reference in references:
        start = time.time()
        try:
            line = record(reference, options.out)
        except Exception as failed:
            print(f"{reference}: FAILED {failed!r:.300}", flush=True)
            continue
        with open(facts, "a") as lines:
            lines.write(json.dumps(line) + "\n")
        print(f"{reference}: {time.time() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()

using System.CommandLine;
using GuardSharp.Checkpoints;
using GuardSharp.CommandLine;
using GuardSharp.Imaging;

namespace GuardSharp.Cli.Commands;

/// <summary><c>preprocess</c>: an image as the network takes it, in a safetensors file.</summary>
internal static class PreprocessCommand
{
    private const string Llama4 = "llama4";
    private const string Mllama = "mllama";

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("preprocess", "Writes the tiles of an image: pixel_values [tiles, 3, side, side] and aspect_ratios [1, 2] (rows, columns of the grid).");
        var model = new Option<string?>("--model") { Description = "Folder whose preprocessor decides.", HelpName = "DIR" };
        var processor = new Option<string?>("--processor") { Description = $"A named preprocessor in place of a folder: {Llama4} (tiles of 336 pixels, at most 16) or {Mllama} (of 560 pixels, at most 4).", HelpName = "NAME" };
        var image = new Option<string>("--image") { Description = "The image (PNG, JPEG, WebP).", HelpName = "FILE", Required = true };
        var output = new Option<string>("--output") { Description = "The file to write.", HelpName = "FILE.safetensors", Required = true };
        foreach (var option in (Option[])[model, processor, image, output])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var chosen = Choose(parsed.GetValue(model), parsed.GetValue(processor));
            var bytes = ImageFile.Read(parsed.GetValue(image)!);
            var tiles = chosen.Process(ImageDecoder.Decode(bytes, new ImageLimits()));
            Write(parsed.GetValue(output)!, tiles);
            terminal.Error.WriteLine($"{tiles.Tiles} tiles of {tiles.TileSize} x {tiles.TileSize}, grid {tiles.GridRows} x {tiles.GridColumns}{(tiles.HasGlobalTile ? " and the whole image" : "")}");
            return ExitCode.Done;
        });
        return command;
    }

    private static IImageProcessor Choose(string? folder, string? processor) => (folder, processor) switch
    {
        (null, Llama4) => new Llama4ImageProcessor(new Llama4ImageSettings()),
        (null, Mllama) => new MllamaImageProcessor(new MllamaImageSettings()),
        ({ } named, null) => ModelFamily.Of(ModelConfig.Read(named)).Images is { } images
            ? images.Processor(named)
            : throw new GuardException($"{named}: the model takes text alone, so it has no preprocessor."),
        (null, { } other) => throw new GuardException($"--processor is \"{other}\"; it must be {Llama4} or {Mllama}."),
        _ => throw new GuardException($"Give either --model DIR or --processor {Llama4} or {Mllama}."),
    };

    private static void Write(string path, TiledImage image)
    {
        using var writer = SafetensorsWriter.Create(path,
        [
            new TensorPlan("pixel_values", TensorType.F32, [image.Tiles, 3, image.TileSize, image.TileSize]),
            new TensorPlan("aspect_ratios", TensorType.I64, [1, 2]),
        ]);
        writer.Append("pixel_values", image.Pixels);
        writer.Append("aspect_ratios", System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>([image.GridRows, image.GridColumns]));
        writer.Commit();
    }
}

namespace GuardSharp.Checkpoints;

/// <summary>Reads vision_config of llama4.</summary>
internal static class Llama4VisionConfigReader
{
    private const int MaxWidth = 1 << 20;
    private const int MaxLayers = 1024;
    // Pixels of a tile's side; published models have 336.
    private const int MaxImageSize = 8192;

    /// <summary>Reads the section.</summary>
    public static Llama4VisionConfig Read(JsonSection vision)
    {
        vision.Require("model_type", "llama4_vision_model");
        vision.Require("hidden_act", "gelu");
        vision.Require("vision_feature_select_strategy", "default");
        vision.RequireNumber("vision_feature_layer", -1);
        vision.RequireNumber("_vision_feature_layer", -1);
        vision.RequireNumber("pixel_shuffle_ratio", 0.5);
        vision.RequireFalse("multi_modal_projector_bias");
        vision.Ignore("attention_dropout", "initializer_range", "norm_eps", "projector_dropout", "dtype", "torch_dtype", "transformers_version",
            "_name_or_path", "architectures");
        var (theta, _) = RopeConfigReader.ReadUnscaled(vision, 10000);
        return Check(vision, new Llama4VisionConfig
        {
            HiddenSize = vision.Int("hidden_size", 4, MaxWidth),
            Layers = vision.Int("num_hidden_layers", 1, MaxLayers),
            Heads = vision.Int("num_attention_heads", 1, MaxWidth),
            FeedForwardSize = vision.Int("intermediate_size", 1, MaxWidth),
            ImageSize = vision.Int("image_size", 1, MaxImageSize),
            PatchSize = vision.Int("patch_size", 1, MaxImageSize),
            Channels = vision.OptionalInt("num_channels", 3, 3) ?? 3,
            OutputSize = vision.Int("vision_output_dim", 1, MaxWidth),
            RopeTheta = theta,
        });
    }

    private static Llama4VisionConfig Check(JsonSection section, Llama4VisionConfig vision)
    {
        // The adapter is fc1 [projector_input_dim, intermediate_size], fc2 [output, output], then linear_1 takes vision_output_dim.
        foreach (var key in (string[])["projector_input_dim", "projector_output_dim"])
        {
            var size = section.Int(key, 1, MaxWidth);
            if (size != vision.OutputSize)
            {
                throw section.Error(key, $"{size}", $"it must equal vision_output_dim, {vision.OutputSize}");
            }
        }

        if (vision.HiddenSize % vision.Heads != 0 || vision.HeadSize % 4 != 0)
        {
            throw section.Error("num_attention_heads", $"{vision.Heads}",
                $"hidden_size, {vision.HiddenSize}, must divide into heads of a multiple of 4 numbers, for the rotation has two axes of pairs");
        }

        var shuffled = (long)vision.HiddenSize * Llama4VisionConfig.ShuffleFactor * Llama4VisionConfig.ShuffleFactor;
        if (vision.FeedForwardSize != shuffled)
        {
            throw section.Error("intermediate_size", $"{vision.FeedForwardSize}",
                $"it must be hidden_size / pixel_shuffle_ratio^2 = {shuffled}, for it is the input of the adapter too");
        }

        return vision.ImageSize % (vision.PatchSize * Llama4VisionConfig.ShuffleFactor) == 0 ? vision : throw section.Error(
            "image_size", $"{vision.ImageSize}", $"it must be an even number of patches of {vision.PatchSize} pixels");
    }
}

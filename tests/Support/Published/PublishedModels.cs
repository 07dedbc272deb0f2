using static DiffeoNN.Onnx.Tests.Support.ModelInput;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>The published networks.</summary>
internal static class PublishedModels
{
    public static IReadOnlyList<PublishedModel> All { get; } =
    [
        // So many units that some kink lies within any step whose differences are not rounding: they agree with each other to 1e-4 only.
        new("agllnet_256", "", Noise(0, 1, 1, 3, 256, 256)) { IsLarge = true, Steps = [1e-8, 1e-9, 1e-10], DoubleTolerance = 1e-4 },
        new("autoencoder2d_gmm", "reconstruction", Noise(0, 1, 1, 1, 10, 16)),
        // Logarithms of nearly silent bands: a stiff function, whose values in float32 are 4e-4 from those in float64 and its gradients
        // 2e-3.
        new("basic_pitch", "", Sound(1, 43844, 1))
        {
            IsLarge = true,
            Steps = [1e-10, 1e-11, 1e-12, 1e-13],
            DoubleTolerance = 1e-4,
            FloatTolerance = 0.01,
            ForwardTolerance = 1e-3,
        },
        new("cct_opset20", "", Noise(0, 1, 1, 3, 32, 32)),
        // A chain of instance normalisations multiplies rounding: by some 1e4, so that gradients in float32 are 1e-2 from those in float64.
        new("cyclegan_cat_256", "", Noise(0, 255, 1, 3, 256, 256))
            { IsLarge = true, DoubleTolerance = 1e-4, FloatTolerance = 0.02, ForwardTolerance = 0.02 },
        new("deeplab_v3_mnv2_257", "", Noise(-1, 1, 1, 257, 257, 3)) { IsLarge = true },
        new("light_bvlc_alexnet", "", Noise(0, 1, 1, 3, 224, 224)) { IsLarge = true },
        new("light_bvlc_alexnet", "", Noise(-1, 1, 1, 3, 224, 224)) { IsLarge = true, HasRandomWeights = true },
        // As published its gradient vanishes, 1e-14 of its output: the differences would be rounding. With random weights kinks are dense:
        // differences agree with each other to 1e-5, and the float32 gradient is 1e-2 from the float64 one,
        // though the outputs agree to 4e-7.
        new("light_inception_v2", "", Noise(-1, 1, 1, 3, 224, 224))
            { IsLarge = true, HasRandomWeights = true, DoubleTolerance = 1e-4, FloatTolerance = 0.05 },
        new("light_shufflenet", "", Noise(0, 1, 1, 3, 224, 224)) { IsLarge = true },
        new("light_shufflenet", "", Noise(-1, 1, 1, 3, 224, 224)) { IsLarge = true, HasRandomWeights = true },
        new("light_squeezenet", "", Noise(0, 1, 1, 3, 224, 224)) { IsLarge = true },
        new("light_squeezenet", "", Noise(-1, 1, 1, 3, 224, 224)) { IsLarge = true, HasRandomWeights = true },
        new("light_zfnet512", "", Noise(0, 1, 1, 3, 224, 224)) { IsLarge = true },
        new("light_zfnet512", "", Noise(-1, 1, 1, 3, 224, 224)) { IsLarge = true, HasRandomWeights = true },
        new("mnist_cnn_torch2.9", "", Noise(0, 1, 2, 1, 28, 28)),
        new("mnist_cntk", "", Noise(0, 255, 1, 1, 28, 28)),
        new("mnist_conv_bn_torch2.0", "", Noise(0, 1, 1, 1, 28, 28)),
        new("policy_g1_tf2onnx", "", Noise(-1, 1, 1, 103)),
        new("policy_sac_scorethegoal", "", Noise(-0.1, 0.1, 2, 16), Noise(0, 1, 2)),
        new("ppocr_mobile_det_v1.1", "", Writing(1, 3, 128, 160)),
        new("road_segmentation_adas", "", Noise(0, 255, 1, 512, 896, 3)) { IsLarge = true },
        new("scrfd_500m", "", Picture(-1, 1, 1, 3, 96, 128)),
        new("silero_vad_op18", "", Sound(2, 576), Constant(16000), Noise(-0.5, 0.5, 2, 2, 128)),
        new("speech_commands_squeezenet", "", Noise(-2, 2, 1, 3, 128, 41)),
        new("ultraface_rfb320", "", Noise(-1, 1, 1, 3, 240, 320)) { IsLarge = true },
        new("unet_sed_torch2.6", "", Noise(0, 1, 1, 1, 224, 224)) { IsLarge = true },
        new("vit_tracker", "", Picture(-2, 2, 1, 3, 128, 128), Picture(-2, 2, 1, 3, 256, 256)) { IsLarge = true },
        new("yolox_nano", "", Noise(0, 255, 1, 3, 416, 416)) { IsLarge = true },
    ];
}

// KServe's kinds as far as our manifests may use them: fields as its API names them, what lies in pods as Kubernetes has it. An object that
// has others is refused by the compiler. KServe publishes no package of types.
import { IContainer } from "kubernetes-models/v1/Container";
import { IPodSpec } from "kubernetes-models/v1/PodSpec";
import { IObjectMeta } from "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";

type Protocol = "v1" | "v2" | "grpc-v1" | "grpc-v2";

export interface IServingRuntime {
  apiVersion: "serving.kserve.io/v1alpha1";
  kind: "ServingRuntime" | "ClusterServingRuntime";
  metadata: IObjectMeta;
  spec: Pick<IPodSpec, "containers" | "volumes" | "nodeSelector" | "affinity" | "tolerations" | "imagePullSecrets" | "hostIPC"> & {
    supportedModelFormats?: { name: string; version?: string; autoSelect?: boolean; priority?: number }[];
    multiModel?: boolean;
    disabled?: boolean;
    protocolVersions?: Protocol[];
    labels?: { [name: string]: string };
    annotations?: { [name: string]: string };
    replicas?: number;
  };
}

export interface IInferenceService {
  apiVersion: "serving.kserve.io/v1beta1";
  kind: "InferenceService";
  metadata: IObjectMeta;
  spec: {
    predictor: Partial<IPodSpec> & {
      minReplicas?: number;
      maxReplicas?: number;
      scaleTarget?: number;
      scaleMetric?: "cpu" | "memory" | "concurrency" | "rps";
      containerConcurrency?: number;
      timeout?: number;
      canaryTrafficPercent?: number;
      labels?: { [name: string]: string };
      annotations?: { [name: string]: string };
      model: Partial<IContainer> & {
        modelFormat: { name: string; version?: string };
        runtime?: string;
        runtimeVersion?: string;
        protocolVersion?: Protocol;
        storageUri?: string;
      };
    };
  };
}
